import { resolve } from 'node:path';
import { parseConfig } from './config.js';
import type { AppName, ConfigProblem, ConfigSource } from './config.js';
import { kafkaSettings } from './kafka-config.js';

const source = (given: Partial<ConfigSource> = {}): ConfigSource => ({ argv: [], env: {}, isTerminal: false, ...given });
const url = 'postgres://me:secret@db.example:5432/ipledger';

const configOf = <App extends AppName>(app: App, given: Partial<ConfigSource> = {}) => {
  const result = parseConfig(app, source(given));
  if (result.kind !== 'config') throw new Error(JSON.stringify(result));
  return result.config;
};
const problemsOf = (app: AppName, given: Partial<ConfigSource>): ConfigProblem[] => {
  const result = parseConfig(app, source(given));
  if (result.kind !== 'problems') throw new Error(JSON.stringify(result));
  return result.problems;
};

describe('configuration', () => {
  it('needs nothing in standalone', () => expect(configOf('standalone')).toEqual({
    host: '127.0.0.1', port: 8080, dataDir: resolve('data'), databaseUrl: null, viewsDatabaseUrl: null, migrateOnStart: true,
    logLevel: 'info', logFormat: 'json', queueLimit: 2048, queueSeconds: 10, batchLimit: 256, clusterIdleSeconds: 600, verifyIntervalSeconds: 21_600, poolSize: 10, shutdownSeconds: 15, drainSeconds: 0,
    allowAnonymous: false, accessFile: null, oidcIssuer: null, oidcAudience: null, oidcJwksUri: null, oidcUserClaim: 'sub', oidcGroupsClaim: 'groups', oidcPrefix: 'oidc:',
    databaseDirectUrl: null, kafkaBrokers: null, kafkaTopicPrefix: 'ipledger', kafkaClientId: 'ipledger', kafkaReplicationFactor: null,
    kafkaSaslMechanism: null, kafkaSaslUsername: null, kafkaSaslPassword: null,
    kafkaTlsEnabled: false, kafkaTlsCaFile: null, kafkaTlsCertFile: null, kafkaTlsKeyFile: null,
    tlsCertFile: null, tlsKeyFile: null, tlsClientCaFile: null, metricsAuth: 'on', rateLimit: 0, rateBurst: 0, wrongTokenLimit: 60, requestLimit: 4096, streamLimit: 10_000, streamLimitPerIdentity: 5_000,
  }));

  it('needs a database in the allocator, which leaves the schema alone and has no data folder', () => {
    expect(problemsOf('allocator', {})).toMatchObject([{ name: 'DATABASE_URL', value: null, why: 'is required and not set' }]);
    expect(problemsOf('allocator', { argv: ['--data-dir', 'x'], env: { DATABASE_URL: url } })).toMatchObject([{ name: '--data-dir', why: 'is not a flag of this program' }]);
    const config = configOf('allocator', { env: { DATABASE_URL: url, DATA_DIR: 'ignored, as any other variable' } });
    expect(config).toMatchObject({ databaseUrl: url, migrateOnStart: false });
    expect(config).not.toHaveProperty('dataDir');
  });

  it('needs a database in the projector, which takes no commands', () => {
    expect(problemsOf('projector', { argv: ['--queue-limit', '1'] })).toMatchObject([{ name: '--queue-limit', why: 'is not a flag of this program' }, { name: 'DATABASE_URL', value: null }]);
    expect(configOf('projector', { env: { DATABASE_URL: url, VIEWS_DATABASE_URL: `${url}2` } })).toMatchObject({ databaseUrl: url, viewsDatabaseUrl: `${url}2` });
  });

  it.each<[string, Partial<ConfigSource>, object]>([
    ['a variable', { env: { PORT: '9000' } }, { port: 9000 }],
    ['a flag and its value', { argv: ['--port', '9000'] }, { port: 9000 }],
    ['a flag with =', { argv: ['--port=9000'] }, { port: 9000 }],
    ['a flag spelt like its variable', { argv: ['--BATCH_LIMIT=7'] }, { batchLimit: 7 }],
    ['the flag before the variable', { argv: ['--port=1'], env: { PORT: '2' } }, { port: 1 }],
    ['an empty variable as not set', { env: { PORT: '' } }, { port: 8080 }],
    ['a boolean flag alone, last', { argv: ['--migrate-on-start'], env: { MIGRATE_ON_START: 'false' } }, { migrateOnStart: true }],
    ['a boolean flag alone, before another', { argv: ['--migrate-on-start', '--port', '1'], env: { MIGRATE_ON_START: 'false' } }, { migrateOnStart: true, port: 1 }],
    ['a boolean flag with its value', { argv: ['--migrate-on-start', 'false', '--port=1'] }, { migrateOnStart: false, port: 1 }],
    ['a value that holds =', { argv: [`--database-url=${url}?a=b`] }, { databaseUrl: `${url}?a=b` }],
    ['a folder, made absolute', { argv: ['--data-dir', './elsewhere'] }, { dataDir: resolve('elsewhere') }],
    ['pretty logs on a terminal', { isTerminal: true }, { logFormat: 'pretty' }],
    ['JSON on a terminal when asked', { isTerminal: true, env: { LOG_FORMAT: 'json' } }, { logFormat: 'json' }],
    ['any free port', { env: { PORT: '0' } }, { port: 0 }],
    ['brokers, with commas', { env: { KAFKA_BROKERS: 'kafka-1:9092, [::1]:9093' } }, { kafkaBrokers: ['kafka-1:9092', '[::1]:9093'] }],
    ['an IPv6 address to listen on', { env: { HOST: '::', ALLOW_ANONYMOUS: 'true' } }, { host: '::', allowAnonymous: true }],
  ])('reads %s', (_what, given, expected) => expect(configOf('standalone', given)).toMatchObject(expected));

  it.each<[string, string, string]>([
    ['PORT', '65536', 'is not a whole number from 0 to 65535'],
    ['PORT', '-1', 'is not a whole number from 0 to 65535'],
    ['PORT', '80a', 'is not a whole number from 0 to 65535'],
    ['PORT', '1e3', 'is not a whole number from 0 to 65535'],
    ['PORT', '0x50', 'is not a whole number from 0 to 65535'],
    ['QUEUE_LIMIT', '0', 'is not a whole number from 1 to 1000000'],
    ['POOL_SIZE', '1', 'is not a whole number from 2 to 1000'],
    ['HOST', 'http://localhost', 'is neither an IP address nor a host name'],
    ['HOST', '[::]', 'is neither an IP address nor a host name'],
    ['MIGRATE_ON_START', 'yes', 'is neither true nor false'],
    ['LOG_LEVEL', 'verbose', 'is not a known word'],
    ['LOG_FORMAT', 'logfmt', 'is not a known word'],
    ['KAFKA_BROKERS', 'kafka', 'names "kafka", which is not host:port'],
    ['KAFKA_BROKERS', 'kafka:9092,', 'names "", which is not host:port'],
    ['KAFKA_BROKERS', 'kafka:99999', 'names "kafka:99999", which is not host:port'],
    ['KAFKA_TOPIC_PREFIX', 'a b', 'cannot begin the name of a topic'],
    ['KAFKA_SASL_MECHANISM', 'kerberos', 'is not a known word'],
    ['DATABASE_URL', 'mysql://db/x', 'is not a Postgres URL'],
    ['DATABASE_URL', 'db.example:5432', 'is not a Postgres URL'],
    ['OIDC_ISSUER', 'http://login.example', 'is not an https URL'],
    ['METRICS_AUTH', 'false', 'is not a known word'],
  ])('refuses %s=%s', (name, value, why) => {
    expect(problemsOf('standalone', { env: { [name]: value } })).toEqual([{ name, value, why, fix: expect.stringMatching(/\w/) as string }]);
  });

  it('reports every problem at once, each with its name, value, reason and remedy', () => {
    const result = parseConfig('allocator', source({ argv: ['--prot', '9000', '--batch-limit=0', 'stray', '--host'], env: { LOG_LEVEL: 'loud' } }));
    expect(result).toMatchObject({ kind: 'problems', text: [
      'The configuration has 6 problems:',
      '  --prot is not a flag of this program: did you mean --port?',
      '  stray is not a flag: flags start with --; see --help',
      '  --host has no value: write --host VALUE or --host=VALUE',
      '  DATABASE_URL is required and not set: set it, as variable or as --database-url: Postgres 15 or newer that holds the log, postgres://…',
      '  LOG_LEVEL ("loud") is not a known word: use one of debug, info, warn, error',
      '  --batch-limit ("0") is not a whole number from 1 to 1024: give a number from 1 to 1024',
      '',
    ].join('\n') });
  });

  it.each<[string[], string]>([
    [['--port=1', '--port=2'], 'is given twice'],
    [['--port='], 'is empty'],
    [['--port', '--host=::'], 'has no value'],
  ])('refuses %j', (argv, why) => expect(problemsOf('standalone', { argv })).toMatchObject([{ name: '--port', why }]));

  it.each<[string, string]>([
    ['--data', 'did you mean --data-dir?'],
    ['--DATABSE_URL', 'did you mean --database-url?'],
    ['--pool-szie=3', 'did you mean --pool-size?'],
    ['--zookeeper', 'see --help for the flags there are'],
  ])('answers the unknown flag %s with: %s', (flag, fix) => expect(problemsOf('standalone', { argv: [flag] })).toMatchObject([{ fix }]));

  it.each(['mysql://me:secret@db/x', 'postgres://me:sec/ret@secret@db:port/x', 'mysql://db/x?password=secret&b=1'])('never shows the password of %s', (value) => {
    const given = { env: { DATABASE_URL: value } };
    expect(JSON.stringify(parseConfig('allocator', source(given)))).not.toMatch(/secret|sec\/ret/);
  });

  describe('who gets in', () => {
    const file = { ACCESS_FILE: '/etc/access.yaml' };
    const tls = { TLS_CERT_FILE: '/c', TLS_KEY_FILE: '/k' };
    it.each<[string, Record<string, string>]>([
      ['nobody is asked, on this machine', {}],
      ['nobody is asked, on another address of the loopback', { HOST: '127.0.0.2' }],
      ['nobody is asked, on ::1', { HOST: '::1' }],
      ['nobody is asked, on localhost', { HOST: 'localhost' }],
      ['nobody is asked, said so', { HOST: '0.0.0.0', ALLOW_ANONYMOUS: 'true' }],
      ['tokens', { HOST: '0.0.0.0', ...file }],
      ['JWTs', { HOST: '::', ...file, OIDC_ISSUER: 'https://login.example', OIDC_AUDIENCE: 'ipledger' }],
      ['JWTs of an issuer on this machine', { ...file, OIDC_ISSUER: 'http://[::1]:5556/dex', OIDC_AUDIENCE: 'ipledger' }],
      ['client certificates', { HOST: '::', ...file, ...tls, TLS_CLIENT_CA_FILE: '/ca' }],
    ])('may be: %s', (_what, env) => expect(configOf('standalone', { env })).toBeDefined());

    it.each<[string, Record<string, string>, string, string]>([
      ['every address', { HOST: '0.0.0.0' }, 'HOST', 'would let other machines in, and nobody would be asked who he is'],
      ['every address of IPv6', { HOST: '::' }, 'HOST', 'would let other machines in, and nobody would be asked who he is'],
      ['a name', { HOST: 'localhost.example' }, 'HOST', 'would let other machines in, and nobody would be asked who he is'],
      ['everybody and tokens', { ...file, ALLOW_ANONYMOUS: 'true' }, 'ALLOW_ANONYMOUS', 'contradicts the other options, by which requests need an identity'],
      ['an issuer without audience', { ...file, OIDC_ISSUER: 'https://login.example' }, 'OIDC_AUDIENCE', 'is not set, but the other one is'],
      ['an issuer without bindings', { OIDC_ISSUER: 'https://login.example', OIDC_AUDIENCE: 'a' }, 'ACCESS_FILE', 'is not set, so users of JWTs or certificates could do nothing'],
      ['half of a pair', { TLS_KEY_FILE: '/k' }, 'TLS_CERT_FILE', 'is not set, but the other one is'],
      ['client certificates without TLS', { ...file, TLS_CLIENT_CA_FILE: '/ca' }, 'TLS_CERT_FILE', 'is not set, and client certificates need TLS'],
    ])('may not be: %s', (_what, env, name, why) => expect(problemsOf('standalone', { env })).toMatchObject([{ name, why }]));
  });

  it.each<[string, Record<string, string>, Partial<ConfigProblem>[]]>([
    ['a mechanism alone', { KAFKA_SASL_MECHANISM: 'plain' }, [{ name: 'KAFKA_SASL_USERNAME' }, { name: 'KAFKA_SASL_PASSWORD' }]],
    ['a password alone', { KAFKA_SASL_PASSWORD: 'secret' }, [{ name: 'KAFKA_SASL_MECHANISM', value: null }]],
    ['a certificate without its key', { KAFKA_TLS_ENABLED: 'true', KAFKA_TLS_CERT_FILE: 'package.json' }, [{ name: 'KAFKA_TLS_KEY_FILE', why: 'is not set, but KAFKA_TLS_CERT_FILE is' }]],
    ['a file, but no TLS', { KAFKA_TLS_CA_FILE: 'package.json' }, [{ name: 'KAFKA_TLS_ENABLED', why: 'is not set, but KAFKA_TLS_CA_FILE is' }]],
    ['a file that is not there', { KAFKA_TLS_ENABLED: 'true', KAFKA_TLS_CA_FILE: 'nowhere.pem' }, [{ name: 'KAFKA_TLS_CA_FILE', value: resolve('nowhere.pem'), why: 'cannot be read' }]],
  ])('refuses for Kafka %s', (_what, env, problems) => {
    const found = problemsOf('standalone', { env: { KAFKA_BROKERS: 'kafka:9092', ...env } });
    expect(found).toMatchObject(problems);
    expect(found).toHaveLength(problems.length);
    expect(JSON.stringify(found)).not.toContain('secret');
  });

  it('never shows a password that is given twice', () =>
    expect(JSON.stringify(problemsOf('standalone', { argv: ['--kafka-sasl-password=secret', '--kafka-sasl-password=secret'] }))).not.toContain('secret'));

  it('hands Kafka over as its client takes it', () => {
    const env = { KAFKA_BROKERS: 'kafka:9092', KAFKA_SASL_MECHANISM: 'scram-sha-512', KAFKA_SASL_USERNAME: 'me', KAFKA_SASL_PASSWORD: 'secret', KAFKA_TLS_ENABLED: 'true', KAFKA_REPLICATION_FACTOR: '3' };
    expect(kafkaSettings(configOf('standalone', { env }))).toEqual({
      brokers: ['kafka:9092'], clientId: 'ipledger', topicPrefix: 'ipledger', replicationFactor: 3,
      sasl: { mechanism: 'scram-sha-512', username: 'me', password: 'secret' }, tls: { caFile: null, certFile: null, keyFile: null },
    });
    expect(kafkaSettings(configOf('standalone'))).toBeNull();
  });

  it('lists every option of the app in --help, with its default, whatever else is wrong', () => {
    const help = parseConfig('standalone', source({ argv: ['--help'], env: { PORT: 'x' } }));
    if (help.kind !== 'help') throw new Error(help.kind);
    const rows = help.text.split('\n').slice(3).filter(Boolean).map((row) => row.trim().split(/ {2,}/));
    expect(rows.map((row) => row.slice(0, 3))).toEqual([
      ['--host', 'HOST', '127.0.0.1'], ['--port', 'PORT', '8080'], ['--data-dir', 'DATA_DIR', './data'],
      ['--database-url', 'DATABASE_URL', '-'], ['--database-direct-url', 'DATABASE_DIRECT_URL', '-'], ['--views-database-url', 'VIEWS_DATABASE_URL', '-'], ['--migrate-on-start', 'MIGRATE_ON_START', 'true'],
      ['--log-level', 'LOG_LEVEL', 'info'], ['--log-format', 'LOG_FORMAT', 'json'], ['--queue-limit', 'QUEUE_LIMIT', '2048'],
      ['--queue-seconds', 'QUEUE_SECONDS', '10'], ['--request-limit', 'REQUEST_LIMIT', '4096'], ['--batch-limit', 'BATCH_LIMIT', '256'], ['--cluster-idle-seconds', 'CLUSTER_IDLE_SECONDS', '600'],
      ['--verify-interval-seconds', 'VERIFY_INTERVAL_SECONDS', '21600'],
      ['--pool-size', 'POOL_SIZE', '10'], ['--shutdown-seconds', 'SHUTDOWN_SECONDS', '15'], ['--drain-seconds', 'DRAIN_SECONDS', '0'],
      ['--allow-anonymous', 'ALLOW_ANONYMOUS', 'false'], ['--access-file', 'ACCESS_FILE', '-'], ['--oidc-issuer', 'OIDC_ISSUER', '-'],
      ['--oidc-audience', 'OIDC_AUDIENCE', '-'], ['--oidc-jwks-uri', 'OIDC_JWKS_URI', '-'], ['--oidc-user-claim', 'OIDC_USER_CLAIM', 'sub'],
      ['--oidc-groups-claim', 'OIDC_GROUPS_CLAIM', 'groups'], ['--oidc-prefix', 'OIDC_PREFIX', 'oidc:'], ['--tls-cert-file', 'TLS_CERT_FILE', '-'],
      ['--tls-key-file', 'TLS_KEY_FILE', '-'], ['--tls-client-ca-file', 'TLS_CLIENT_CA_FILE', '-'], ['--metrics-auth', 'METRICS_AUTH', 'on'],
      ['--rate-limit', 'RATE_LIMIT', '0'], ['--rate-burst', 'RATE_BURST', '0'], ['--wrong-token-limit', 'WRONG_TOKEN_LIMIT', '60'], ['--stream-limit', 'STREAM_LIMIT', '10000'],
      ['--stream-limit-per-identity', 'STREAM_LIMIT_PER_IDENTITY', '5000'],
      ['--kafka-brokers', 'KAFKA_BROKERS', '-'], ['--kafka-topic-prefix', 'KAFKA_TOPIC_PREFIX', 'ipledger'], ['--kafka-client-id', 'KAFKA_CLIENT_ID', 'ipledger'],
      ['--kafka-replication-factor', 'KAFKA_REPLICATION_FACTOR', '-'], ['--kafka-sasl-mechanism', 'KAFKA_SASL_MECHANISM', '-'],
      ['--kafka-sasl-username', 'KAFKA_SASL_USERNAME', '-'], ['--kafka-sasl-password', 'KAFKA_SASL_PASSWORD', '-'], ['--kafka-tls-enabled', 'KAFKA_TLS_ENABLED', 'false'],
      ['--kafka-tls-ca-file', 'KAFKA_TLS_CA_FILE', '-'], ['--kafka-tls-cert-file', 'KAFKA_TLS_CERT_FILE', '-'], ['--kafka-tls-key-file', 'KAFKA_TLS_KEY_FILE', '-'],
    ]);
    expect(rows.every((row) => row.length === 4 && row[3]!.length > 10)).toBe(true);
  });
});
