import type { KnownCluster, Writers } from '../writer/writers.js';
import { clusterNotFound } from './status.js';
import { StatusError } from './status-error.js';

/** The cluster that a path names. One that seems unknown is looked up once more: it may have been registered a moment ago. @throws StatusError 404 */
export const knownCluster = async (writers: Writers, name: string): Promise<KnownCluster> => {
  const cluster = (await writers.find(name)) ?? (await writers.findNow(name));
  if (cluster === undefined) throw new StatusError(clusterNotFound(name));
  return cluster;
};
