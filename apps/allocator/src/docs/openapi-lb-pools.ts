import { reservationBody } from '../clusters/requests.js';
import { changeBody, drainBody, loadBalancingBody, makeBody } from '../lb-pools/requests.js';
import { count, family, inPath, inQuery, json, listOf, ok, parameter, problems, ref, revision, text, write, type Json } from './openapi-parts.js';

const member: Json = {
  type: 'object',
  properties: {
    address: { type: 'string' }, cluster: text('Of a shared pool'), namespace: { type: 'string' }, name: { type: 'string' }, uid: { type: 'string' },
    sharingKey: { type: ['string', 'null'], description: 'null = the Service has the address for itself' }, ports: { type: 'array', items: { type: 'string' }, description: 'Of an address with a sharing key' }, revision,
  },
};
const range: Json = {
  type: 'object',
  properties: {
    range: text('Its canonical text'), family, state: { enum: ['open', 'draining'] },
    staticBand: { oneOf: [{ type: 'object', properties: { from: { type: 'string' }, to: { type: 'string' } } }, { type: 'null' }] },
    capacity: count('Rounded past 2^53'), capacityExact: text('Decimal digits'),
    allocated: { type: 'object', properties: { static: count('In the static band'), dynamic: count('Above it') } },
    reserved: count('Free, but reserved'), coolingDown: count('Free, but for its cool-down'), available: count('What further requests can get'),
    drain: { type: 'object', properties: { since: { type: 'string', format: 'date-time' }, heldThen: { type: 'integer' }, heldNow: { type: 'integer' }, done: { type: 'boolean' } } },
  },
};

export const lbPoolSchemas: Json = {
  LbPool: {
    type: 'object',
    properties: {
      ...makeBody.properties, createdAt: { type: 'string', format: 'date-time' }, revision, ranges: { type: 'array', items: range },
      members: { type: 'array', items: member, description: 'Who has its addresses; of a single pool only' }, continue: text('Of the members; missing on the last page'),
    },
  },
};

const pool = inPath('pool', 'Name of the LB pool');
const page = [parameter('limit'), inQuery('continue', { type: 'string' }, 'From the page before')];
const body = (schema: Json): Json => ({ required: true, content: json(schema) });
const answer: Json = { 200: ok('The pool', ref('LbPool')), ...problems };
const reservation = [pool, inPath('name', 'Name of the reservation')];

export const lbPoolPaths: Json = {
  '/v1/lb-pools': {
    post: {
      tags: ['lb-pools'], summary: 'Make an LB pool, for one cluster or shared by several', parameters: write, requestBody: body(makeBody),
      description: 'With `cluster` its addresses are assigned in the command that creates the Service; with `clusters` a moment later.',
      responses: { 201: ok('The pool', ref('LbPool')), ...problems },
    },
    get: { tags: ['lb-pools'], summary: 'List the LB pools by name', parameters: [inQuery('cluster', { type: 'string' }, 'Only those that serve this cluster'), ...page], responses: { 200: ok('A page', listOf(ref('LbPool'))), ...problems } },
  },
  '/v1/lb-pools/{pool}': {
    get: { tags: ['lb-pools'], summary: 'An LB pool: how full, how far its drains are, who has its addresses', parameters: [pool, ...page], responses: answer },
    put: { tags: ['lb-pools'], summary: 'Say all of its settings anew; what is held must stay in its ranges', parameters: [pool, ...write], requestBody: body(changeBody), responses: answer },
    delete: { tags: ['lb-pools'], summary: 'Remove it; only while nobody has an address of it', parameters: [pool, ...write], responses: answer },
  },
  '/v1/lb-pools/{pool}/addresses:drain': {
    post: { tags: ['lb-pools'], summary: 'Hand out nothing more of a range, or of all of it; what is held stays', parameters: [pool, ...write], requestBody: body(drainBody), responses: answer },
  },
  '/v1/lb-pools/{pool}/addresses:undrain': {
    post: { tags: ['lb-pools'], summary: 'Hand out of it again', parameters: [pool, ...write], requestBody: body(drainBody), responses: answer },
  },
  '/v1/lb-pools/{pool}/reservations': {
    post: {
      tags: ['lb-pools'], summary: 'Hold addresses back, for ever or until a time', parameters: [pool, ...write], requestBody: body(reservationBody),
      description: 'A Service gets a reserved address by asking for it with the annotations `ipledger.io/load-balancer-ips` and `ipledger/reservation: NAME`.',
      responses: { 201: ok('The reservation', ref('Reservation')), ...problems },
    },
    get: { tags: ['lb-pools'], summary: 'List the reservations by name', parameters: [pool, ...page], responses: { 200: ok('A page', listOf(ref('Reservation'))), ...problems } },
  },
  '/v1/lb-pools/{pool}/reservations/{name}': {
    get: { tags: ['lb-pools'], summary: 'One reservation', parameters: reservation, responses: { 200: ok('The reservation', ref('Reservation')), ...problems } },
    delete: { tags: ['lb-pools'], summary: 'Release it', parameters: [...reservation, ...write], responses: { 200: ok('The reservation as it was', ref('Reservation')), ...problems } },
  },
  '/v1/clusters/{cluster}/load-balancing': {
    get: { tags: ['lb-pools'], summary: 'Whether Services without a class are served', parameters: [parameter('cluster')], responses: { 200: ok('The setting', loadBalancingBody), ...problems } },
    put: {
      tags: ['lb-pools'], summary: 'Serve Services of type LoadBalancer without a class, or do not', parameters: [parameter('cluster'), ...write], requestBody: body(loadBalancingBody),
      description: 'When it is set, Services that are there already get their addresses in a moment, and from the moment on those that come at once. When it is taken back, Services that are served stay so.', responses: { 200: ok('The setting', loadBalancingBody), ...problems },
    },
  },
};
