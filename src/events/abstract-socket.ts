import { createServer, type Server } from "node:net";

/** A lock that the kernel frees when its holder dies, and that no `rm` opens: there is no file. */
export interface SocketLock {
  release(): Promise<void>;
}

/** undefined while somebody has the name. It is this machine's (its network namespace's), for every user. */
export async function lockName(name: string): Promise<SocketLock | undefined> {
  const server = await bind(name);
  return server && { release: () => new Promise((resolve) => server.close(() => resolve())) };
}

async function bind(name: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen(`\0snapledger/${name}`, () => {
      // It never keeps its process alive.
      server.unref();
      resolve(server);
    });
  });
}
