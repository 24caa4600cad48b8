import { closeSync, openSync, unlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server } from 'node:net';
import path from 'node:path';

/** Longest path of a Unix socket in bytes, the closing zero excluded: macOS has the smaller of the limits (104, Linux 108). */
export const socketPathBytesMax = 103;
const pidAnswerMs = 500;

export interface DataLock {
  release(): Promise<void>;
}

/**
 * Takes the lock of a folder: a Unix socket in it that this process listens on.
 *
 * Node has no flock, and a file with a pid in it outlives a kill -9 (the pid then may be anybody's). A listening socket
 * ends with the process, whatever ended it: connecting tells a live holder from a file left behind. Being a file, it is
 * seen from other containers that mount the folder, which neither an abstract socket nor a TCP port would be.
 *
 * Two processes that find the same dead socket at the same instant can both get through. That is why this lock only makes
 * the message good and the order right; what protects the data is Postgres' own lock file and shared memory.
 * @returns the holder's pid (0 = it does not say) when a live process has it
 */
export async function takeDataLock(folder: string): Promise<{ lock: DataLock } | { heldBy: number }> {
  const { file, forget } = shortPath(folder, 'lock');
  try {
    for (;;) {
      const server = await listen(file);
      if (server !== undefined) return { lock: { release: () => close(server, forget) } };
      const holder = await askHolder(file);
      if (holder !== undefined) {
        forget();
        return { heldBy: holder };
      }
      removeDeadSocket(file);
    }
  } catch (error) {
    forget();
    throw error;
  }
}

function removeDeadSocket(file: string): void {
  try {
    unlinkSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error; // gone already: another one cleaned up
  }
}

/** A name for the socket that fits the limit: long paths are reached through an open descriptor of their folder (Linux). */
function shortPath(folder: string, name: string): { file: string; forget: () => void } {
  const file = path.join(folder, name);
  if (Buffer.byteLength(file) <= socketPathBytesMax) return { file, forget: () => undefined };
  if (process.platform !== 'linux') return { file: path.relative(process.cwd(), file), forget: () => undefined };
  const descriptor = openSync(folder, 'r');
  return { file: `/proc/self/fd/${descriptor}/${name}`, forget: () => closeSync(descriptor) };
}

/** @returns undefined when the name is taken, by the living or the dead */
function listen(file: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined); // a prober that went away
      socket.end(`${process.pid}\n`);
    });
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(file, () => {
      server.unref();
      resolve(server);
    });
  });
}

/** @returns the holder's pid, 0 if it lives but does not answer (stopped in a debugger), undefined if nobody listens */
function askHolder(file: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(file);
    const done = (holder: number | undefined): void => {
      socket.destroy();
      resolve(holder);
    };
    socket.setTimeout(pidAnswerMs, () => done(0));
    socket.on('data', (chunk) => { answer += chunk.toString(); });
    socket.on('end', () => done(Number.parseInt(answer, 10) || 0));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') done(undefined);
      else if (error.code === 'ECONNRESET' || error.code === 'EAGAIN') done(0);
      else reject(error);
    });
  });
}

/** Closing also unlinks the socket, while the descriptor behind a short path is still open. */
function close(server: Server, forget: () => void): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      forget();
      resolve();
    });
  });
}
