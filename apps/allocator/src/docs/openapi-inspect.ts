import { family, inPath, inQuery, json, listOf, ok, parameter, problems, ref, revision, text, type Json } from './openapi-parts.js';

const moment: Json = { type: 'object', properties: { revision, time: { type: ['string', 'null'], format: 'date-time' } } };
const time: Json = { type: ['string', 'null'], format: 'date-time' };
const exact: Json = { type: 'string', description: 'All digits, which a JSON number past 2^53 loses' };
const usage: Json = {
  from: { type: ['string', 'null'] }, to: { type: ['string', 'null'] }, capacity: { type: 'number' }, capacityExact: exact, allocated: { type: 'integer' }, available: { type: 'number' }, availableExact: exact,
  reserved: { type: 'number', description: 'Free, but reserved' }, coolingDown: { type: 'integer', description: 'Free, but for its cool-down' },
  firstAllocationAt: time, lastAllocationAt: time, highWater: { type: 'integer', description: 'The most that were held at the end of any command' }, highWaterAt: time,
};
const kind: Json = { enum: ['cluster-ip', 'load-balancer'] };
const lbPool: Json = { type: ['string', 'null'], description: 'Name of the LB pool; null for cluster IPs' };
const service = { namespace: { type: 'string' }, name: { type: 'string' }, uid: { type: 'string' } };
const member: Json = {
  type: 'object',
  properties: { cluster: text('Of a shared LB pool'), ...service, ports: { type: 'array', items: { type: 'string' } }, revision, from: { type: 'string', format: 'date-time' }, until: { type: ['string', 'null'], format: 'date-time' } },
};

export const inspectSchemas: Json = {
  Address: {
    type: 'object',
    properties: {
      address: text('Canonical'), family, pool: { type: ['string', 'null'] }, band: { enum: ['static', 'dynamic', null] }, kind, lbPool,
      holder: {
        oneOf: [
          { type: 'object', properties: { namespace: { type: 'string' }, name: { type: 'string' }, uid: { type: 'string' }, since: { type: 'string', format: 'date-time' }, revision } },
          { type: 'null', description: 'Free' },
        ],
      },
      shared: { const: true, description: 'In a cluster: the address is of a shared LB pool, and Services of this cluster have or had it' },
      sharingGroup: text('The sharing key of the Services that hold it together: then the holder stands for them'),
      members: { type: 'array', description: 'Of an LB pool: the Services that have it', items: member },
      reservation: { ...ref('Reservation'), description: 'That it lies in; missing where there is none, and with `at`' },
      coolDown: {
        type: 'object', description: 'Not handed out until then, except to the Service name that had it; missing where there is none, and with `at`',
        properties: { until: { type: 'string', format: 'date-time' }, namespace: { type: 'string' }, name: { type: 'string' }, uid: { type: 'string' } },
      },
      asOf: { type: 'object', properties: { revision, time: { type: 'string', format: 'date-time' } } },
      history: {
        type: 'array', description: 'Without `at`, newest first',
        items: {
          type: 'object',
          properties: {
            namespace: { type: 'string' }, name: { type: 'string' }, uid: { type: 'string' }, pool: { type: ['string', 'null'] }, band: { enum: ['static', 'dynamic', null] }, kind, lbPool,
            cluster: text('Of a shared LB pool: the cluster of the Service'), sharingGroup: { type: 'string' }, members: { type: 'array', items: member },
            from: moment, until: { oneOf: [{ ...moment, description: 'With `reason`' }, { type: 'null', description: 'Held still' }] },
          },
        },
      },
      historyAsOf: { oneOf: [moment, { type: 'null' }] },
    },
  },
  PoolUsage: {
    type: 'object',
    properties: {
      pool: { type: ['string', 'null'], description: 'CIDR, or range of an LB pool; null counts what is held but usable in no pool' }, family, primary: { type: 'boolean' }, state: { enum: ['open', 'draining', 'outside'] },
      prefixLength: { type: ['integer', 'null'] }, ...usage, utilization: { type: ['number', 'null'] }, declaredAt: { type: 'string', format: 'date-time' }, kind, lbPool,
      bands: { type: 'array', items: { type: 'object', properties: { band: { enum: ['static', 'dynamic'] }, ...usage } } },
    },
  },
  LbAddress: {
    type: 'object',
    properties: {
      address: text('Canonical'), family, lbPool: { type: 'string' }, shared: { type: 'boolean', description: 'Of a pool that several clusters share' }, cluster: text('Of the Service, when a shared pool is asked'),
      ...service, sharingGroup: { type: 'string' }, since: { type: 'string', format: 'date-time' }, revision,
    },
  },
  LbWaiting: {
    type: 'object',
    properties: { ...service, families: { type: 'array', items: family, description: 'That it lacks' }, reason: text('As in its condition'), since: { type: 'string', format: 'date-time', description: 'Without a break' }, revision },
  },
};

const asOf: Json = { type: 'object', description: 'What the answer reflects', properties: { revision, time: { type: ['string', 'null'], format: 'date-time' } } };
const reflected = (schema: Json): Json => ({ allOf: [schema, { type: 'object', properties: { asOf } }] });
const readsOwnWrites = [
  inQuery('minRevision', { type: 'integer', minimum: 0 }, 'Wait until the views reflect this revision, such as the resourceVersion of a write'),
  inQuery('timeout', { type: 'string', default: '5s' }, 'For so long at most, up to 30s; then 503 views_behind'),
];
const paged = [parameter('limit'), inQuery('continue', { type: 'string' }, 'From the page before')];

const events = (summary: string, of: Json): Json => ({
  get: {
    tags: ['inspect'], summary, description: 'A stream of server-sent events has the revision as `id` and the event as `data`; `Last-Event-ID` resumes it.',
    parameters: [of, inQuery('after', { type: 'integer', minimum: 0, default: 0 }, 'Revision'), parameter('limit'), inQuery('follow', { type: 'boolean' }, 'Go on with what comes')],
    responses: { 200: { description: 'A page; `continue` is the next `after`', content: { ...json(listOf(ref('Event'))), 'text/event-stream': { schema: { type: 'string' } } } }, ...problems },
  },
});

const map = (...path: Json[]): Json => ({
  get: {
    tags: ['inspect'], summary: 'How densely each part of a pool is held', description: 'At most 256 cells of equal size, a power of two. from and to look into a part of it, until a cell is one address.',
    parameters: [...path, inQuery('from', { type: 'string' }, 'First address; the pool from its start'), inQuery('to', { type: 'string' }, 'Last address; the pool to its end'), ...readsOwnWrites],
    responses: { 200: ok('The map', reflected({ type: 'object', properties: { pool: { type: 'string' }, from: { type: 'string' }, to: { type: 'string' }, cellSize: { type: 'string' }, cells: { type: 'array', items: { type: 'object', properties: { from: { type: 'string' }, to: { type: 'string' }, size: { type: 'string' }, allocated: { type: 'integer' }, reserved: { type: 'integer' }, band: { enum: ['static', 'dynamic', 'mixed', 'none'] } } } } } })), ...problems },
  },
});

const sharedPool = inPath('pool', 'Name of a pool that several clusters share');
const lbAddresses = (summary: string, of: Json): Json => ({
  get: { tags: ['inspect'], summary, parameters: [of, ...readsOwnWrites, ...paged], responses: { 200: ok('A page in order of address', reflected(listOf(ref('LbAddress')))), ...problems } },
});

export const inspectPaths: Json = {
  '/v1/clusters/{cluster}/addresses/{ip}': {
    get: {
      tags: ['inspect'], summary: 'Who holds an address, and who held it',
      description: 'The holder is right at once; the history is what the views reflect, newest first.',
      parameters: [parameter('cluster'), inPath('ip', 'IPv4 or IPv6, any spelling'), parameter('at'), ...readsOwnWrites, ...paged], responses: { 200: ok('The address', ref('Address')), ...problems },
    },
  },
  '/v1/clusters/{cluster}/pools': {
    get: { tags: ['inspect'], summary: 'How full each pool is, as a whole and by band', parameters: [parameter('cluster'), ...readsOwnWrites], responses: { 200: ok('The pools in order of use', reflected(listOf(ref('PoolUsage')))), ...problems } },
  },
  '/v1/clusters/{cluster}/pools/{cidr}/map': map(parameter('cluster'), inPath('cidr', 'A CIDR, percent-encoded, as 10.96.0.0%2F16; or a range of an LB pool, as 203.0.113.10-203.0.113.50')),
  '/v1/clusters/{cluster}/lb-addresses': lbAddresses('Which Services have which addresses of LB pools, shared ones too', parameter('cluster')),
  '/v1/clusters/{cluster}/lb-waiting': {
    get: { tags: ['inspect'], summary: 'Services that lack addresses of LB pools, the longest wait first', parameters: [parameter('cluster'), ...readsOwnWrites, ...paged], responses: { 200: ok('A page', reflected(listOf(ref('LbWaiting')))), ...problems } },
  },
  '/v1/clusters/{cluster}/node-ports': {
    get: { tags: ['inspect'], summary: 'Who holds which node port', parameters: [parameter('cluster'), parameter('at'), ...readsOwnWrites, ...paged], responses: { 200: ok('A page in order of port', reflected(listOf(ref('NodePort')))), ...problems } },
  },
  '/v1/clusters/{cluster}/node-ports/{port}': {
    get: {
      tags: ['inspect'], summary: 'Who holds a node port, and who held it', parameters: [parameter('cluster'), inPath('port', '1 to 65535'), parameter('at'), parameter('limit'), ...readsOwnWrites],
      responses: { 200: ok('The port', reflected({ type: 'object', properties: { port: { type: 'integer' }, holder: { oneOf: [ref('NodePort'), { type: 'null' }] }, history: { type: 'array', items: ref('NodePort') } } })), ...problems },
    },
  },
  '/v1/clusters/{cluster}/services': {
    get: {
      tags: ['inspect'], summary: 'The Services of the cluster, now or at a moment of the past', description: 'Pages that follow are of the same moment.',
      parameters: [
        parameter('cluster'), parameter('at'), inQuery('namespace', { type: 'string' }, 'Only of this namespace'), inQuery('type', { type: 'string' }, 'Only of this type'), inQuery('ipFamilyPolicy', { type: 'string' }, 'Only with this policy'),
        inQuery('headless', { type: 'boolean' }, 'Only these, or only the others'), inQuery('unsatisfied', { type: 'boolean' }, 'PreferDualStack with one family although the cluster now has two'), ...readsOwnWrites, ...paged,
      ],
      responses: { 200: ok('A page in order of namespace and name', reflected(listOf(ref('ServiceSummary')))), ...problems },
    },
  },
  '/v1/clusters/{cluster}/events': events('The log after a revision, in order; with follow=true as a stream', parameter('cluster')),
  '/v1/lb-pools/{pool}/ranges': {
    get: { tags: ['inspect'], summary: 'How full each range of a shared LB pool is', parameters: [sharedPool, ...readsOwnWrites], responses: { 200: ok('The ranges in order of use', reflected(listOf(ref('PoolUsage')))), ...problems } },
  },
  '/v1/lb-pools/{pool}/ranges/{range}/map': map(sharedPool, inPath('range', 'As listed; a CIDR percent-encoded')),
  '/v1/lb-pools/{pool}/addresses': lbAddresses('Which Services of which clusters have which addresses of a shared LB pool', sharedPool),
  '/v1/lb-pools/{pool}/addresses/{ip}': {
    get: {
      tags: ['inspect'], summary: 'Who holds an address of a shared LB pool, and who held it', parameters: [sharedPool, inPath('ip', 'IPv4 or IPv6, any spelling'), parameter('at'), ...readsOwnWrites, ...paged],
      responses: { 200: ok('The address', ref('Address')), ...problems },
    },
  },
  '/v1/lb-pools/{pool}/events': events('The log of a shared LB pool, as that of a cluster', sharedPool),
};
