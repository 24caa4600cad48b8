import { statsColumns, type StatsList } from '@ipledger/observability';
import { preflightBody } from '../stats/preflight.controller.js';

type Json = Record<string, unknown>;

const query = (name: string, description: string, schema: Json = { type: 'string' }): Json => ({ name, in: 'query', schema, description });
const problems = { default: { $ref: '#/components/responses/Problem' } };

const cluster = query('cluster', 'These only, separated by commas');
const pool = query('pool', 'These CIDRs and ranges only');
const kind = [query('kind', 'cluster-ip or load-balancer only'), query('lbPool', 'Of these LB pools only')];
const family = query('family', 'IPv4 or IPv6 only');
const namespace = query('namespace', 'These only');
const range = [query('from', 'Unix time in milliseconds or seconds, or ISO 8601; 6 hours before `to` otherwise'), query('to', 'The same; now otherwise')];

const lists: Readonly<Record<StatsList, readonly [summary: string, parameters: readonly Json[]]>> = {
  clusters: ['Use by cluster and family, with a forecast', [cluster, family]],
  pools: ['Use by cluster, pool and family, with a forecast; of a shared LB pool the cluster is empty', [cluster, pool, family, ...kind]],
  'pools/history': ['Use over time: the last value of each step', [cluster, pool, family, ...kind, ...range, query('step', '30s, 5m, 1h or seconds; made longer where that gives more than 50,000 rows, or is not kept any more: the answer says so')]],
  namespaces: ['Who holds most addresses', [cluster, pool, family, namespace, query('top', 'Rows', { type: 'integer', minimum: 1, maximum: 1000, default: 20 })]],
  services: ['Services by kind', [cluster, namespace]],
  annotations: ['Pools that came and went, when one was full, and what scheduled verifications found', [cluster, pool, family, ...kind, ...range]],
  options: ['Values of dashboard variables', [query('of', 'What of', { enum: ['cluster', 'pool', 'namespace', 'family', 'lbPool'] }), cluster, pool, family, ...kind]],
};

const listPath = (list: StatsList): Json => {
  const [summary, parameters] = lists[list];
  const row = { type: 'object', required: statsColumns[list], properties: Object.fromEntries(statsColumns[list].map((column) => [column, { type: ['string', 'number', 'boolean', 'null'] }])) };
  const answer = {
    type: 'object', required: ['generatedAt', 'items'],
    properties: { generatedAt: { type: 'string', format: 'date-time' }, items: { type: 'array', items: row }, stepSeconds: { type: 'number' }, cut: { type: 'string', description: 'What was left out; missing when nothing was' } },
  };
  return {
    get: {
      tags: ['stats'], summary, parameters: [...parameters, query('format', 'JSON otherwise', { enum: ['csv', 'json'] })],
      responses: { 200: { description: 'Flat rows; every key is there, null where something is not known', content: { 'application/json': { schema: answer }, 'text/csv': { schema: { type: 'string' } } } }, ...problems },
    },
  };
};

const family200 = {
  type: 'object',
  properties: {
    family: { enum: ['IPv4', 'IPv6'] }, needed: { type: 'integer' }, available: { type: 'number' }, availableExact: { type: 'string' }, missing: { type: 'integer' },
    fitsUntilEarliest: { type: ['string', 'null'], format: 'date-time' }, fitsUntilLatest: { type: ['string', 'null'], format: 'date-time' },
  },
};

export const statsPaths: Json = {
  ...Object.fromEntries((Object.keys(lists) as StatsList[]).map((list) => [`/v1/stats/${list}`, listPath(list)])),
  '/v1/stats/prometheus-sd': {
    get: {
      tags: ['stats'], summary: 'Services as targets, for the HTTP service discovery of Prometheus', parameters: [cluster, pool, namespace, query('port', 'These numbers or names only')],
      responses: { 200: { description: 'One group per Service, family and port', content: { 'application/json': { schema: { type: 'array', items: { type: 'object', properties: { targets: { type: 'array', items: { type: 'string' } }, labels: { type: 'object', additionalProperties: { type: 'string' } } } } } } } }, ...problems },
    },
  },
  '/v1/stats/artifacts': { get: { tags: ['stats'], summary: 'Rules, dashboards and provisioning files of this version', responses: { 200: { description: 'Their names', content: { 'application/json': { schema: { type: 'object', properties: { items: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' } } } } } } } } } } } },
  '/v1/stats/artifacts/{name}': {
    get: { tags: ['stats'], summary: 'One of them', parameters: [{ name: 'name', in: 'path', required: true, schema: { type: 'string' }, description: 'As listed; may hold slashes' }], responses: { 200: { description: 'The file', content: { 'application/yaml': {}, 'application/json': {}, 'application/sql': {} } }, ...problems } },
  },
  '/v1/clusters/{cluster}/preflight': {
    post: {
      tags: ['stats'], summary: 'Do so many Services fit, and until when', parameters: [{ $ref: '#/components/parameters/cluster' }], requestBody: { required: true, content: { 'application/json': { schema: preflightBody } } },
      responses: { 200: { description: 'Nothing is reserved by asking', content: { 'application/json': { schema: { type: 'object', properties: { cluster: { type: 'string' }, revision: { type: 'integer' }, fits: { type: 'boolean' }, families: { type: 'array', items: family200 } } } } } }, ...problems },
    },
  },
};
