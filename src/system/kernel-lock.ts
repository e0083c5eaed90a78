import { closeSync, openSync, readdirSync, readlinkSync, unlinkSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { basename, dirname } from "node:path";

/** A lock that the kernel frees when its holder dies. */
export interface KernelLock {
  release(): Promise<void>;
}

/**
 * undefined while another process has it. An abstract socket of this name is the lock: there is no file that an `rm`
 * could open it by. But that is known in one network namespace alone (as one container is), so its holder also listens
 * on a socket file beside `path`, one for each namespace. Each listens before it asks the others: of two that come at
 * once, one at least finds the other, and goes.
 */
export async function kernelLock(name: string, path: string): Promise<KernelLock | undefined> {
  const lock = await listenOn(`\0snapledger/${name}`);
  if (!lock) return undefined;
  const presence = await presenceBeside(path);
  let released: Promise<void> | undefined;
  // Its socket file goes first, at once: it would be the next holder's.
  const release = () => (released ??= Promise.all([presence?.end(), closed(lock)]).then(() => undefined));
  if (!(await presence?.othersAnswer())) return { release };
  await release();
  return undefined;
}

interface Presence {
  /** A holder of another network namespace is there. */
  othersAnswer(): Promise<boolean>;
  end(): Promise<void>;
}

/** undefined where no socket can be: a store that is only being made, a file system without sockets. */
async function presenceBeside(path: string): Promise<Presence | undefined> {
  const names = `${basename(path)}.net-`;
  const own = `${names}${networkNamespace()}`;
  let folder: number;
  try {
    folder = openSync(dirname(path), "r");
  } catch {
    return undefined;
  }
  // A path of any length is too long for a socket (sun_path of unix(7)).
  const at = (file: string) => `/proc/self/fd/${folder}/${file}`;
  const server = await listenAgain(at(own)).catch(() => undefined);
  if (!server) {
    closeSync(folder);
    return undefined;
  }
  return {
    async othersAnswer() {
      for (const file of readdirSync(dirname(path)))
        if (file.startsWith(names) && file !== own && (await answers(at(file)))) return true;
      return false;
    },
    end: () => closed(server).finally(() => closeSync(folder)),
  };
}

/** A file that is there was left by a dead holder: no other of this namespace is alive while the lock is ours. */
async function listenAgain(path: string): Promise<Server | undefined> {
  const server = await listenOn(path);
  if (server) return server;
  unlinkSync(path);
  return listenOn(path);
}

function networkNamespace(): string {
  return /\d+/.exec(readlinkSync("/proc/self/ns/net"))?.[0] ?? "";
}

/** undefined when another process listens there. */
async function listenOn(path: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen(path, () => {
      // It never keeps its process alive.
      server.unref();
      resolve(server);
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** false only of one that has ended. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code !== "ECONNREFUSED" && code !== "ENOENT"));
  });
}
