import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { foreseen, LedgerProblem } from './follow/ledger.js';
import { listUpstream } from './follow/upstream.js';
import { UsageProblem, type Usage } from './usage.js';

const fileBytesMax = 256 * 1024 * 1024;
const filesMax = 10_000;

/** Where to look, for a message; and the Services, with apiVersion and kind, otherwise as they were found. */
export interface Live {
  where: string;
  services: unknown[];
}

/**
 * The Services of a running cluster: of a file (what `kubectl get svc -A -o json` wrote, or a Service on each line), of all
 * .json and .ndjson files under a folder (such as `kubectl cluster-info dump --output-directory` makes), or of an API server.
 * Objects of other kinds are passed over. At most 256 MiB a file and 10,000 files.
 * @throws UsageProblem, LedgerProblem with the file and what is wrong with it
 */
export const liveServices = async ({ from, server, kubeconfig, context }: Usage['remote']): Promise<Live> => {
  const asksServer = server !== undefined || kubeconfig !== undefined || context !== undefined;
  if (from !== undefined && asksServer) throw new UsageProblem('--from takes a file or a folder; --server, --kubeconfig and --context an API server: give one of the two');
  if (from !== undefined) return { where: from, services: await servicesUnder(from) };
  if (!asksServer) throw new UsageProblem('from where? --from FILE or FOLDER, what `kubectl get svc -A -o json` wrote; or --server URL, --kubeconfig FILE of an API server');
  const config = await foreseen('the kubeconfig cannot be used', () => apiServerOf({ server, kubeconfig, context }));
  const where = config.getCurrentCluster()?.server ?? '';
  const { items } = await foreseen(`no Services from the API server at ${where}`, () => listUpstream(config, new AbortController().signal));
  return { where, services: items.map(asService) };
};

/** The API server of a kubeconfig, found as kubectl finds it; `server` alone needs none: a `kubectl proxy`, say. */
export const apiServerOf = ({ server, kubeconfig, context }: Pick<Partial<Usage['remote']>, 'server' | 'kubeconfig' | 'context'>): KubeConfig => {
  const config = new KubeConfig();
  if (server !== undefined && kubeconfig === undefined && context === undefined) {
    config.loadFromClusterAndUser({ name: 'server', server, skipTLSVerify: false }, { name: 'nobody' });
    return config;
  }
  if (kubeconfig === undefined) config.loadFromDefault();
  else config.loadFromFile(kubeconfig);
  if (context !== undefined) config.setCurrentContext(context);
  if (server === undefined) return config;
  const current = config.getCurrentCluster();
  config.clusters = config.clusters.map((cluster) => (cluster === current ? { ...cluster, server } : cluster));
  return config;
};

const servicesUnder = async (from: string): Promise<unknown[]> => {
  const found = await foreseen(`${from} cannot be read`, () => stat(from));
  const files = found.isDirectory() ? await filesUnder(from) : [from];
  const services: unknown[] = [];
  for (const file of files) {
    if ((await stat(file)).size > fileBytesMax) throw new LedgerProblem(`${file} is larger than ${fileBytesMax / 1024 / 1024} MiB; split it, a Service on each line`);
    for (const service of servicesIn(await readFile(file, 'utf8'), file)) services.push(service);
  }
  if (services.length === 0) throw new LedgerProblem(`there is no Service in ${from}; it takes what \`kubectl get svc -A -o json\` writes`);
  return services;
};

const filesUnder = async (folder: string): Promise<string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && /\.(json|ndjson)$/.test(entry.name)).map((entry) => path.join(entry.parentPath, entry.name)).sort();
  if (files.length > filesMax) throw new LedgerProblem(`${folder} holds ${files.length} files, more than ${filesMax}`);
  return files;
};

const servicesIn = (text: string, file: string): unknown[] => {
  const whole = parsed(text);
  if ('value' in whole) return servicesOf(whole.value);
  const lines = text.split('\n').map((line, i) => ({ line, number: i + 1 })).filter(({ line }) => line.trim() !== '');
  return lines.flatMap(({ line, number }) => {
    const read = parsed(line);
    if ('value' in read) return servicesOf(read.value);
    throw new LedgerProblem(`${file}: line ${number} is not JSON: ${read.failure}`);
  });
};

const parsed = (text: string): { value: unknown } | { failure: string } => {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { failure: (error as Error).message };
  }
};

/** Of a list, or the value itself. Items of a ServiceList carry no kind. */
const servicesOf = (value: unknown): unknown[] => {
  if (typeof value !== 'object' || value === null) return [];
  const { kind, items } = value as { kind?: unknown; items?: unknown };
  const candidates = Array.isArray(items) ? items.map((item: unknown) => (kind === 'ServiceList' ? asService(item as object) : item)) : [value];
  return candidates.filter((item) => typeof item === 'object' && item !== null && (item as { kind?: unknown }).kind === 'Service');
};

const asService = (item: object): object => ({ apiVersion: 'v1', kind: 'Service', ...item });
