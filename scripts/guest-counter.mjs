// guest-counter.mjs SOCKET: prints the double word at 0x500 of a guest's memory, asked for through QEMU's control socket.
import { connect } from "node:net";
import { createInterface } from "node:readline";

const socket = connect(process.argv[2]);
const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
const next = async () => JSON.parse((await lines.next()).value);
const execute = async (command) => {
  socket.write(`${JSON.stringify(command)}\n`);
  for (;;) {
    const answer = await next();
    if (!("event" in answer)) return answer.return;
  }
};

await next();
await execute({ execute: "qmp_capabilities" });
const line = { "command-line": "xp /1dw 0x500" };
const printed = await execute({ execute: "human-monitor-command", arguments: line });
console.log(Number(/:\s+(-?\d+)/.exec(printed)[1]));
socket.destroy();
