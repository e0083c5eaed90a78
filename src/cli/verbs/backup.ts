import { absolute } from "../input/absolute.ts";
import type { Verb } from "../verb.ts";

export const verb: Verb = {
  about:
    "Save the whole log in a new file, proven on the way. Others work on meanwhile. The file holds the stored lines " +
    "as they are; layers and base images are not in it: docs/operating.md says what to keep with it.",
  arguments: [["<file>", "a new file, FILE.tar.gz"]],
  exits: [
    [1, "the disk is full"],
    [3, "there is such a file already"],
    [4, "no such store or folder"],
  ],
  examples: ["snapledger backup /mnt/backup/log-monday.tar.gz", "snapledger backup log.tar.gz --json"],
  async run(cli) {
    const file = absolute(cli.input.argument(0));
    const connection = await cli.connection();
    const head = await connection.backup(file, (done, total) => cli.progress("backup", done, total));
    if (cli.json) cli.output.json({ file, head });
    else cli.output.line(`Log saved in ${file}: positions 1 to ${head.position}, ending with ${head.hash}`);
  },
};
