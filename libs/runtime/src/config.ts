import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { kafkaConflicts, saslMechanisms, type KafkaConfig } from './kafka-config.js';
import { logFormats, logLevels } from './logger.js';
import type { LogFormat, LogLevel } from './logger.js';
import { accessConflicts, isLoopback, type AccessConfig } from './access-config.js';

/** What every app that serves HTTP needs. Times are whole seconds, limits are inclusive. */
type BaseConfig = AccessConfig & KafkaConfig & {
  host: string;
  /** 0 = any free port. */
  port: number;
  logLevel: LogLevel;
  logFormat: LogFormat;
  /** null = the views are in the database of the log. */
  viewsDatabaseUrl: string | null;
  /** Connections to each database. */
  poolSize: number;
  /** How long one step of the shutdown (draining requests, say) may take. */
  shutdownSeconds: number;
  /** How long a process that stops goes on serving, unready, so that balancers turn away first. */
  drainSeconds: number;
};
type ServiceConfig = BaseConfig & {
  /** The same database past a pooler, for the relay's lock; null = `databaseUrl` is direct. */
  databaseDirectUrl: string | null;
  migrateOnStart: boolean;
  /** Commands that may wait per cluster; the next one is refused with 429. */
  queueLimit: number;
  /** A command that has waited for so long is refused with 503. */
  queueSeconds: number;
  /** Commands in one commit. */
  batchLimit: number;
  /** A cluster without commands for so long leaves memory. */
  clusterIdleSeconds: number;
  /** How often one of the replicas compares the tables with the log; 0 = never. */
  verifyIntervalSeconds: number;
};
/** `databaseUrl` null = the embedded Postgres in `dataDir` (an absolute path). */
export type StandaloneConfig = ServiceConfig & { dataDir: string; databaseUrl: string | null };
export type AllocatorConfig = ServiceConfig & { databaseUrl: string };
export type ProjectorConfig = BaseConfig & { databaseUrl: string };
type ConfigOf = { standalone: StandaloneConfig; allocator: AllocatorConfig; projector: ProjectorConfig; admin: KafkaConfig };
export type AppName = keyof ConfigOf;

/** One thing wrong with the configuration; `value` is null when nothing was given. Passwords are blanked out. */
export type ConfigProblem = { name: string; value: string | null; why: string; fix: string };
export type ConfigResult<App extends AppName> =
  | { kind: 'config'; config: ConfigOf[App] }
  | { kind: 'help'; text: string }
  | { kind: 'problems'; problems: ConfigProblem[]; text: string };

/** Where configuration comes from; passed in so that the parser is a function of its arguments. */
export type ConfigSource = {
  argv: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  isTerminal: boolean;
};

type Refusal = { why: string; fix: string };
type Parsed = { value: unknown } | Refusal;
type Option = { summary: string; isBoolean?: true; isSecret?: true; parse: (text: string) => Parsed };

const integer = (min: number, max: number) => (text: string): Parsed => {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
  return value >= min && value <= max ? { value }
    : { why: `is not a whole number from ${min} to ${max}`, fix: `give a number from ${min} to ${max}` };
};

const oneOf = (words: readonly string[]) => (text: string): Parsed =>
  words.includes(text) ? { value: text } : { why: 'is not a known word', fix: `use one of ${words.join(', ')}` };

const boolean = (text: string): Parsed =>
  text === 'true' || text === 'false' ? { value: text === 'true' } : { why: 'is neither true nor false', fix: 'use true or false' };

const hostName = (text: string): Parsed =>
  isIP(text) !== 0 || /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i.test(text) ? { value: text }
    : { why: 'is neither an IP address nor a host name', fix: 'give an address without port or brackets, such as 127.0.0.1 or ::' };

const databaseUrl = (text: string): Parsed =>
  URL.canParse(text) && ['postgres:', 'postgresql:'].includes(new URL(text).protocol) ? { value: text }
    : { why: 'is not a Postgres URL', fix: 'write postgres://user:password@host:5432/database, special characters percent-encoded' };

const filePath = (text: string): Parsed => ({ value: resolve(text) });
const anyText = (text: string): Parsed => ({ value: text });

const webUrl = (text: string): Parsed => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname.replace(/^\[|\]$/g, ''))) ? { value: text }
    : { why: 'is not an https URL', fix: 'write https://… (http:// only for this machine)' };
};

const brokerList = (text: string): Parsed => {
  const brokers = text.split(',').map((broker) => broker.trim());
  const wrong = brokers.find((broker) => !/^([a-z0-9.-]+|\[[0-9a-f:]+\]):\d{1,5}$/i.test(broker) || Number(broker.slice(broker.lastIndexOf(':') + 1)) > 65_535);
  return wrong === undefined ? { value: brokers } : { why: `names ${JSON.stringify(wrong)}, which is not host:port`, fix: 'write kafka-1:9092,kafka-2:9092' };
};

const topicPrefix = (text: string): Parsed =>
  /^[a-zA-Z0-9._-]{1,200}$/.test(text) ? { value: text } : { why: 'cannot begin the name of a topic', fix: 'use letters, digits, ".", "_" and "-", 200 at most' };

const options = {
  host: { summary: 'address to listen on; 0.0.0.0 or :: lets other machines in', parse: hostName },
  port: { summary: 'TCP port to listen on; 0 takes any free one', parse: integer(0, 65_535) },
  dataDir: { summary: 'folder of the embedded Postgres; not used with DATABASE_URL', parse: filePath },
  databaseUrl: { summary: 'Postgres 15 or newer that holds the log, postgres://…', parse: databaseUrl },
  databaseDirectUrl: { summary: 'the same database past a pooler such as PgBouncer, for the lock of the relay', parse: databaseUrl },
  viewsDatabaseUrl: { summary: 'Postgres 15 or newer that holds the views; the one of the log otherwise', parse: databaseUrl },
  migrateOnStart: { summary: 'bring the schema up to date at start; otherwise refuse one that is older, or too new', isBoolean: true, parse: boolean },
  logLevel: { summary: `least severe level that is logged: ${logLevels.join(', ')}`, parse: oneOf(logLevels) },
  logFormat: { summary: 'pretty for people, json for one object per line', parse: oneOf(logFormats) },
  queueLimit: { summary: 'commands that may wait per cluster; more are refused with 429', parse: integer(1, 1_000_000) },
  queueSeconds: { summary: 'a command that has waited for so long is refused with 503', parse: integer(1, 600) },
  requestLimit: { summary: 'requests in progress at once; more are refused with 429', parse: integer(1, 1_000_000) },
  // 1000 in a commit gave 5 % more throughput than 100 for ten times the latency: more than this helps nobody.
  batchLimit: { summary: 'commands of one cluster in one commit', parse: integer(1, 1024) },
  clusterIdleSeconds: { summary: 'unload a cluster from memory after so long without a command', parse: integer(1, 31_536_000) },
  verifyIntervalSeconds: { summary: 'compare the tables with a fresh fold of the log so often, in one replica at a time; 0 = never', parse: integer(0, 31_536_000) },
  // One connection would let a transaction wait for a second one that it itself holds back.
  poolSize: { summary: 'connections to the database', parse: integer(2, 1000) },
  shutdownSeconds: { summary: 'on SIGTERM, the longest that one step (such as draining requests) may take', parse: integer(1, 3600) },
  drainSeconds: { summary: 'on SIGTERM, serve on for so long while /readyz says no, so that balancers turn away first', parse: integer(0, 600) },
  allowAnonymous: { summary: 'listen beyond this machine although nobody is asked who he is: whoever reaches the port may do everything', isBoolean: true, parse: boolean },
  accessFile: { summary: 'YAML or JSON file with the hashes of tokens, and what users and groups may do (docs/security.md)', parse: filePath },
  oidcIssuer: { summary: 'accept JWTs of this OpenID Connect issuer', parse: webUrl },
  oidcAudience: { summary: 'the audience that such a JWT must have', parse: anyText },
  oidcJwksUri: { summary: 'where the keys of the issuer are; found through its discovery document otherwise', parse: webUrl },
  oidcUserClaim: { summary: 'claim of a JWT that names the user', parse: anyText },
  oidcGroupsClaim: { summary: 'claim of a JWT that names the groups', parse: anyText },
  oidcPrefix: { summary: 'stands before users and groups of a JWT, here and in the log', parse: anyText },
  tlsCertFile: { summary: 'serve HTTPS with this certificate chain (PEM), read anew when it changes', parse: filePath },
  tlsKeyFile: { summary: 'private key of the certificate (PEM)', parse: filePath },
  tlsClientCaFile: { summary: 'accept client certificates of these authorities (PEM): CN is the user, O the groups', parse: filePath },
  metricsAuth: { summary: 'off lets everybody read /metrics', parse: oneOf(['on', 'off']) },
  rateLimit: { summary: 'requests per second of one identity, on average; 0 = no limit', parse: integer(0, 1_000_000) },
  rateBurst: { summary: 'requests of one identity at once; 0 = twice the rate', parse: integer(0, 1_000_000) },
  wrongTokenLimit: { summary: 'wrong tokens of one address at once, and a minute; more are refused with 429; 0 = no limit', parse: integer(0, 1_000_000) },
  streamLimit: { summary: 'watches and followed logs that may be open at once', parse: integer(1, 100_000) },
  streamLimitPerIdentity: { summary: 'of these, how many one identity may have', parse: integer(1, 100_000) },
  kafkaBrokers: { summary: 'publish every event to this Kafka, host:port with commas; none = no Kafka', parse: brokerList },
  kafkaTopicPrefix: { summary: 'first word of the topics: PREFIX.events.v1 and PREFIX.addresses.v1', parse: topicPrefix },
  kafkaClientId: { summary: 'how Kafka logs and quotas name this program', parse: anyText },
  kafkaReplicationFactor: { summary: 'of topics that have to be made; otherwise what the broker gives', parse: integer(1, 32) },
  kafkaSaslMechanism: { summary: `log in to Kafka by ${saslMechanisms.join(', ')}`, parse: oneOf(saslMechanisms) },
  kafkaSaslUsername: { summary: 'user for Kafka', parse: anyText },
  kafkaSaslPassword: { summary: 'password for Kafka; better as variable than as flag, which every process list shows', isSecret: true, parse: anyText },
  kafkaTlsEnabled: { summary: 'speak TLS to Kafka', isBoolean: true, parse: boolean },
  kafkaTlsCaFile: { summary: 'authorities (PEM) that the brokers’ certificates come from; otherwise those of the system', parse: filePath },
  kafkaTlsCertFile: { summary: 'certificate (PEM) to show to Kafka', parse: filePath },
  kafkaTlsKeyFile: { summary: 'private key of that certificate (PEM)', parse: filePath },
} as const satisfies Record<string, Option>;
type OptionKey = keyof typeof options;

/** What stands in for an option nobody gave: a text, `required`, or null = simply not set. */
type Fallback = { text: string } | 'required' | null;
const usesKafka = {
  kafkaBrokers: null, kafkaTopicPrefix: { text: 'ipledger' }, kafkaClientId: { text: 'ipledger' }, kafkaReplicationFactor: null,
  kafkaSaslMechanism: null, kafkaSaslUsername: null, kafkaSaslPassword: null,
  kafkaTlsEnabled: { text: 'false' }, kafkaTlsCaFile: null, kafkaTlsCertFile: null, kafkaTlsKeyFile: null,
} satisfies Partial<Record<OptionKey, Fallback>>;
const servesHttp = {
  ...usesKafka,
  host: { text: '127.0.0.1' }, port: { text: '8080' }, logLevel: { text: 'info' },
  viewsDatabaseUrl: null, poolSize: { text: '10' }, shutdownSeconds: { text: '15' }, drainSeconds: { text: '0' },
  allowAnonymous: { text: 'false' }, accessFile: null, metricsAuth: { text: 'on' }, requestLimit: { text: '4096' }, rateLimit: { text: '0' }, rateBurst: { text: '0' }, wrongTokenLimit: { text: '60' },
  oidcIssuer: null, oidcAudience: null, oidcJwksUri: null, oidcUserClaim: { text: 'sub' }, oidcGroupsClaim: { text: 'groups' }, oidcPrefix: { text: 'oidc:' },
  tlsCertFile: null, tlsKeyFile: null, tlsClientCaFile: null, streamLimit: { text: '10000' }, streamLimitPerIdentity: { text: '5000' },
} satisfies Partial<Record<OptionKey, Fallback>>;
const takesCommands = {
  ...servesHttp, databaseDirectUrl: null, queueLimit: { text: '2048' }, queueSeconds: { text: '10' }, batchLimit: { text: '256' }, clusterIdleSeconds: { text: '600' }, verifyIntervalSeconds: { text: '21600' },
} satisfies Partial<Record<OptionKey, Fallback>>;

const fallbacks = (app: AppName, isTerminal: boolean): Partial<Record<OptionKey, Fallback>> => {
  const logFormat = { text: isTerminal ? 'pretty' : 'json' };
  switch (app) {
    case 'standalone': return { ...takesCommands, logFormat, dataDir: { text: './data' }, databaseUrl: null, migrateOnStart: { text: 'true' } };
    case 'allocator': return { ...takesCommands, logFormat, databaseUrl: 'required', migrateOnStart: { text: 'false' }, drainSeconds: { text: '5' } };
    case 'projector': return { ...servesHttp, logFormat, databaseUrl: 'required', drainSeconds: { text: '5' } };
    case 'admin': return usesKafka;
  }
};

const envName = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
const flagName = (key: string): string => `--${envName(key).toLowerCase().replaceAll('_', '-')}`;
const withoutPassword = (text: string): string => text.replace(/(:\/\/[^:/@]*):.*@/, '$1:***@').replace(/(password=)[^&]*/gi, '$1***');

/**
 * Reads every option of an app from flags, then environment, then defaults, and reports all that is wrong at once.
 * A flag has the name of its variable: PORT, --port 9000, --port=9000. An empty variable counts as not set.
 */
export const parseConfig = <App extends AppName>(app: App, source: ConfigSource): ConfigResult<App> => {
  const defaults = fallbacks(app, source.isTerminal);
  const keys = Object.keys(options).filter((key): key is OptionKey => key in defaults);
  if (source.argv.some((word) => word === '--help' || word === '-h')) return { kind: 'help', text: helpText(app, keys, defaults) };

  const problems: ConfigProblem[] = [];
  const flags = readFlags(source.argv, keys, problems);
  const config: Partial<Record<OptionKey, unknown>> = {};
  for (const key of keys) {
    const flag = flags.get(key);
    const given = flag ?? (source.env[envName(key)] || undefined);
    const name = flag === undefined ? envName(key) : flagName(key);
    const fallback = defaults[key] ?? null;
    if (given === undefined && fallback === 'required') {
      problems.push({ name, value: null, why: 'is required and not set', fix: `set it, as variable or as ${flagName(key)}: ${options[key].summary}` });
    } else if (given === undefined && fallback === null) {
      config[key] = null;
    } else {
      const text = given ?? (fallback as { text: string }).text;
      const parsed: Parsed = text === '' ? { why: 'is empty', fix: 'give a value or leave it out' } : options[key].parse(text);
      if ('value' in parsed) config[key] = parsed.value;
      else problems.push({ name, value: withoutPassword(text), ...parsed });
    }
  }
  if (problems.length === 0) problems.push(...(app === 'admin' ? [] : accessConflicts(config as BaseConfig)), ...kafkaConflicts(config as BaseConfig));
  // The table above gives each key the parser of its type; TypeScript cannot follow that through a loop.
  return problems.length === 0 ? { kind: 'config', config: config as ConfigOf[App] } : { kind: 'problems', problems, text: problemText(problems) };
};

/** The flags that were given, by option; what cannot be read goes to `problems`. */
const readFlags = (argv: readonly string[], keys: readonly OptionKey[], problems: ConfigProblem[]): Map<OptionKey, string> => {
  const flags = new Map<OptionKey, string>();
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index]!;
    const equals = word.indexOf('=');
    const name = (equals < 0 ? word : word.slice(0, equals)).toLowerCase().replaceAll('_', '-');
    const key = keys.find((candidate) => flagName(candidate) === name);
    if (key === undefined) {
      problems.push(unknownWord(word, name, keys));
      // "--prot 9000" is one mistake, not two.
      if (word.startsWith('--') && equals < 0 && argv[index + 1]?.startsWith('-') === false) index++;
      continue;
    }
    const next = argv[index + 1];
    let value = equals < 0 ? undefined : word.slice(equals + 1);
    if (value === undefined && next !== undefined && !next.startsWith('--')) {
      value = next;
      index++;
    }
    if (value === undefined && 'isBoolean' in options[key]) value = 'true';
    if (value === undefined) problems.push({ name, value: null, why: 'has no value', fix: `write ${name} VALUE or ${name}=VALUE` });
    else if (flags.has(key)) problems.push({ name, value: 'isSecret' in options[key] ? '***' : withoutPassword(value), why: 'is given twice', fix: 'give it once' });
    else flags.set(key, value);
  }
  return flags;
};

const unknownWord = (word: string, name: string, keys: readonly OptionKey[]): ConfigProblem => {
  if (!word.startsWith('-')) return { name: withoutPassword(word), value: null, why: 'is not a flag', fix: 'flags start with --; see --help' };
  const [nearest] = keys.map(flagName).map((flag) => ({ flag, distance: editDistance(name, flag) }))
    .filter(({ flag, distance }) => distance <= 2 || (name.length > 4 && flag.startsWith(name)))
    .sort((a, b) => a.distance - b.distance);
  return { name, value: null, why: 'is not a flag of this program', fix: nearest ? `did you mean ${nearest.flag}?` : 'see --help for the flags there are' };
};

/** Levenshtein: single-character edits between two short words. */
const editDistance = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 1; i <= from.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= to.length; j++) {
      row[j] = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1));
    }
  }
  return row[to.length]!;
};

const helpText = (app: AppName, keys: readonly OptionKey[], defaults: Partial<Record<OptionKey, Fallback>>): string => {
  const rows = keys.map((key) => {
    const fallback = defaults[key] ?? null;
    return [flagName(key), envName(key), fallback === null ? '-' : fallback === 'required' ? 'required' : fallback.text, options[key].summary];
  });
  const table = [['flag', 'variable', 'default', ''], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()}`);
  return [`ipledger ${app}: every option is a flag (--port 9000 or --port=9000) or a variable (PORT=9000); the flag wins.`, '', ...lines, ''].join('\n');
};

const problemText = (problems: readonly ConfigProblem[]): string => {
  const lines = problems.map(({ name, value, why, fix }) => `  ${name}${value === null ? '' : ` (${JSON.stringify(value)})`} ${why}: ${fix}`);
  return [`The configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:`, ...lines, ''].join('\n');
};

/** The configuration of this process. Prints the help and exits 0, or all problems and exits 1, when that is the answer. */
export const loadConfig = <App extends AppName>(app: App): ConfigOf[App] => {
  const result = parseConfig(app, { argv: process.argv.slice(2), env: process.env, isTerminal: process.stdout.isTTY === true });
  if (result.kind === 'config') return result.config;
  (result.kind === 'help' ? process.stdout : process.stderr).write(result.text);
  process.exit(result.kind === 'help' ? 0 : 1);
};
