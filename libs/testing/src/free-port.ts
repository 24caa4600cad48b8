import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below what Linux, macOS and Windows give to connections by themselves, and above what is registered most. */
const [lowest, highest] = [10_240, 32_767];
const given = new Set<number>();

/**
 * A port of this machine for a server that binds it later, or again after a restart. With port 0 the system would choose one that it also
 * gives to connections: while nobody listens there, somebody who connects may get it, even the one who asks for this very server.
 */
export const freePort = async (): Promise<number> => {
  for (let tries = 0; tries < 100; tries++) {
    const port = randomInt(lowest, highest + 1);
    if (given.has(port) || !(await mayListen(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no port from ${lowest} to ${highest} is free`);
};

const mayListen = async (port: number): Promise<boolean> => {
  const server = createServer();
  const isFree = await once(server.listen(port, '127.0.0.1'), 'listening').then(() => true, () => false);
  if (isFree) await once(server.close(), 'close');
  return isFree;
};
