import { confirmBody, networkBody, poolSettingsBody, reservationBody } from '../clusters/requests.js';
import { count, family, inPath, inQuery, json, listOf, ok, parameter, problems, ref, revision, text, write, type Json } from './openapi-parts.js';

/** What every description of a pool says. */
export const poolMembers: Json = {
  cidr: { type: 'string' }, family, state: { enum: ['open', 'draining'], description: 'Nothing new is taken from a draining pool' },
  staticBand: { oneOf: [{ type: 'object', properties: { from: { type: 'string' }, to: { type: 'string' } } }, { type: 'null' }] },
  coolDownSeconds: count('How long a released address is not handed out; 0 = not at all'),
};

export const poolSchemas: Json = {
  Pool: {
    type: 'object',
    properties: {
      ...poolMembers, position: count('In the order of use, from 0'), capacity: count('Rounded past 2^53'), capacityExact: text('Decimal digits'),
      allocated: { type: 'object', properties: { static: count('In the static band'), dynamic: count('In the dynamic band') } },
      reserved: count('Free, but reserved'), coolingDown: count('Free, but for its cool-down'), available: count('What further requests can get'),
      drain: {
        type: 'object', description: 'Only of a draining pool',
        properties: { since: { type: ['string', 'null'], format: 'date-time' }, heldThen: { type: ['integer', 'null'] }, heldNow: { type: 'integer' }, done: { type: 'boolean' } },
      },
      holders: { type: 'array', items: { type: 'object', properties: { address: { type: 'string' }, namespace: { type: 'string' }, name: { type: 'string' }, uid: { type: 'string' }, since: { type: 'string', format: 'date-time' }, revision } } },
      continue: text('Of the holders; missing on the last page'),
    },
  },
  Reservation: {
    type: 'object',
    properties: {
      name: text('RFC 1123 label'), family, cidr: text('The pool'), first: text('Both ends belong to it'), last: { type: 'string' }, reason: { type: 'string' }, owner: { type: 'string' },
      until: { type: ['string', 'null'], format: 'date-time', description: 'It ends by itself then' }, createdAt: { type: 'string', format: 'date-time' }, revision,
    },
  },
};

const cidrParameters = [parameter('cluster'), inPath('network', 'The address of the CIDR, such as 10.96.0.0'), inPath('length', 'Its prefix length')];
const pageParameters = [parameter('limit'), inQuery('continue', { type: 'string' }, 'From the page before')];
export const poolPaths: Json = {
  '/v1/clusters/{cluster}/cidrs/{network}/{length}': {
    get: { tags: ['clusters'], summary: 'A pool: how full, how far its drain is, who holds its addresses', parameters: [...cidrParameters, ...pageParameters], responses: { 200: ok('The pool', ref('Pool')), ...problems } },
    put: {
      tags: ['clusters'], summary: 'Set its static band and cool-down; what is left out is as Kubernetes has it', parameters: [...cidrParameters, ...write],
      requestBody: { required: true, content: json(poolSettingsBody) }, responses: { 200: ok('Its settings', { type: 'object', properties: poolMembers }), ...problems },
    },
  },
};

const network: Json = { type: 'object', properties: networkBody.properties };
export const networkPaths: Json = {
  '/v1/clusters/{cluster}/network': {
    put: {
      tags: ['clusters'], summary: 'Say the ranges of Pods and nodes: metadata, of which nothing is handed out', parameters: [parameter('cluster'), ...write],
      requestBody: { required: true, content: json(networkBody) }, responses: { 200: ok('The ranges', network), ...problems },
    },
    get: { tags: ['clusters'], summary: 'The ranges of Pods and nodes', parameters: [parameter('cluster')], responses: { 200: ok('The ranges', network), ...problems } },
  },
  '/v1/clusters/{cluster}/flags': {
    get: {
      tags: ['clusters'], summary: 'The flags of the dual-stack page by component, checked', parameters: [parameter('cluster'), inQuery('nodeIPs', { type: 'string' }, 'Addresses of one node, to be checked too, such as 192.168.0.7,fd00:1::7')],
      responses: {
        200: ok('Flags, and what does not go together', {
          type: 'object',
          properties: {
            flags: { type: 'object', additionalProperties: { type: 'array', items: { type: 'string' } } }, ok: { type: 'boolean', description: 'No error among the problems' },
            problems: { type: 'array', items: { type: 'object', properties: { severity: { enum: ['error', 'warning'] }, flag: { type: 'string' }, value: { type: 'string' }, why: { type: 'string' } } } },
          },
        }),
        ...problems,
      },
    },
  },
  '/v1/clusters/{cluster}/ip-masq-agent': {
    get: {
      tags: ['clusters'], summary: 'The ConfigMap of ip-masq-agent, for kubectl apply', parameters: [parameter('cluster')],
      responses: { 200: { description: 'YAML', content: { 'application/yaml': { schema: { type: 'string' } } } }, ...problems },
    },
  },
};

const reservationItem = [parameter('cluster'), inPath('name', 'Name of the reservation')];
export const reservationPaths: Json = {
  '/v1/clusters/{cluster}/reservations': {
    post: {
      tags: ['clusters'], summary: 'Hold addresses back, for ever or until a time', parameters: [parameter('cluster'), ...write],
      description: 'Exactly one of `addresses` and `family`. A Service gets a reserved address by confirm, or by asking for it with the annotation `ipledger/reservation: NAME`.',
      requestBody: { required: true, content: json(reservationBody) }, responses: { 201: ok('The reservation', ref('Reservation')), ...problems },
    },
    get: { tags: ['clusters'], summary: 'List the reservations by name', parameters: [parameter('cluster'), ...pageParameters], responses: { 200: ok('A page', listOf(ref('Reservation'))), ...problems } },
  },
  '/v1/clusters/{cluster}/reservations/{name}': {
    get: { tags: ['clusters'], summary: 'One reservation', parameters: reservationItem, responses: { 200: ok('The reservation', ref('Reservation')), ...problems } },
    delete: { tags: ['clusters'], summary: 'Release it', parameters: [...reservationItem, ...write], responses: { 200: ok('The reservation as it was', ref('Reservation')), ...problems } },
  },
  '/v1/clusters/{cluster}/reservations/{name}/confirm': {
    post: {
      tags: ['clusters'], summary: 'Create a Service with its address; a reservation of one address ends with that', parameters: [...reservationItem, ...write],
      requestBody: { required: true, content: json(confirmBody) }, responses: { 201: ok('The Service', { type: 'object' }), ...problems },
    },
  },
};
