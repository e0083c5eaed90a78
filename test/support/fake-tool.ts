import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Terminal } from "./built-cli.ts";

/** The same store, with a `qemu-img` on the PATH that does something else for one of its subcommands. */
export function withFakeTool({ home, environment }: Terminal, subcommand: string, instead: string): Terminal {
  const bin = join(home, "bin");
  mkdirSync(bin, { recursive: true });
  const script = `#!/bin/sh\nPATH=\${PATH#*:}\ncase "$* " in "${subcommand} "*) ${instead};; esac\nexec qemu-img "$@"\n`;
  writeFileSync(join(bin, "qemu-img"), script);
  chmodSync(join(bin, "qemu-img"), 0o755);
  return new Terminal(home, { ...environment, PATH: `${bin}:${environment["PATH"] ?? ""}` });
}
