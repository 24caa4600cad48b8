import { batchItemsMax } from '../bulk/envelope.js';
import { topUpBody } from '../bulk/requests.js';
import { cidrBody, declareBody, registerBody } from '../clusters/requests.js';
import { itemPatchTypes } from '../bulk/service-item.js';
import { problemCatalogue } from '../problem.js';
import { family, inPath, inQuery, json, listOf, ok, parameter, problems, ref, revision, text, write, type Json } from './openapi-parts.js';
import { inspectPaths, inspectSchemas } from './openapi-inspect.js';
import { statsPaths } from './stats-paths.js';
import { lbPoolPaths, lbPoolSchemas } from './openapi-lb-pools.js';
import { networkPaths, poolMembers, poolPaths, poolSchemas, reservationPaths } from './openapi-pools.js';

/**
 * The OpenAPI 3.1 document of everything that is not the Kubernetes API of a cluster (which describes itself to its
 * clients). Bodies are the very schemas that requests are checked against.
 */
export const openApiDocument = (version: string) => ({
  openapi: '3.1.0',
  info: {
    title: 'ipledger',
    version,
    summary: 'Decides which Service IP belongs to whom, for many Kubernetes clusters, and remembers every decision.',
    description:
      'Services are created, changed and deleted through the Kubernetes API of each cluster under /clusters/{cluster}, whose parameters, bodies and answers stand in /clusters/{cluster}/openapi/v3; this document describes the rest. ' +
      'Errors here are problem documents (RFC 9457) with a stable `code`; under /clusters they are Kubernetes `Status` objects.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  tags: [{ name: 'clusters' }, { name: 'lb-pools' }, { name: 'inspect' }, { name: 'services' }, { name: 'stats' }, { name: 'operations' }],
  paths: { ...clusterPaths, ...poolPaths, ...reservationPaths, ...lbPoolPaths, ...networkPaths, ...bulkPaths, ...importPaths, ...kubeconfigPaths, ...inspectPaths, ...servicePaths, ...statsPaths, ...operationPaths },
  components: {
    schemas, parameters, responses: { Problem: problemAnswer },
    securitySchemes: { bearer: { type: 'http', scheme: 'bearer', description: 'A token of the access file, or a JWT. Not asked for while authentication is not set up' } },
  },
  security: [{ bearer: [] }, {}],
});

const itemOf = (kind: string, schema: Json): Json => ({ type: 'object', required: [kind], additionalProperties: false, properties: { [kind]: schema } });

const problemAnswer: Json = { description: 'Why not', content: { 'application/problem+json': { schema: ref('Problem') } } };

const parameters: Json = {
  at: inQuery('at', { type: 'string' }, 'A moment of the past: an instant (RFC 3339) or a revision'),
  cluster: inPath('cluster', 'Name of the cluster'),
  dryRun: inQuery('dryRun', { enum: ['All'] }, 'Decide and answer, change nothing'),
  limit: inQuery('limit', { type: 'integer', minimum: 1, maximum: 1000, default: 100 }, 'Entries per page'),
  key: {
    name: 'Idempotency-Key', in: 'header', schema: { type: 'string', minLength: 1, maxLength: 255 },
    description: 'Makes a retry safe for a day: the same content gets the first answer again, other content is refused with 422',
  },
};

const schemas: Json = {
  ...poolSchemas,
  ...inspectSchemas,
  ...lbPoolSchemas,
  Cluster: {
    type: 'object',
    properties: {
      name: text('RFC 1123 label'), serviceCIDRs: { type: 'array', items: { type: 'string' } }, primaryFamily: family,
      families: { type: 'array', items: family }, nodePortRange: { type: 'string' }, revision, createdAt: { type: 'string', format: 'date-time' }, defaultLoadBalancer: { const: true },
      pools: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            ...poolMembers,
          },
        },
      },
    },
  },
  NodePort: {
    type: 'object',
    properties: { port: { type: 'integer' }, purpose: { enum: ['node-port', 'health-check'] }, namespace: { type: 'string' }, name: { type: 'string' }, uid: { type: 'string' }, since: { type: 'string', format: 'date-time' }, revision },
  },
  ServiceSummary: {
    type: 'object',
    properties: {
      namespace: { type: 'string' }, name: { type: 'string' }, uid: { type: 'string' }, type: { type: 'string' }, ipFamilyPolicy: { type: ['string', 'null'] }, ipFamilies: { type: 'array', items: family },
      clusterIPs: { type: 'array', items: { type: 'string' } }, headless: { type: 'boolean' }, unsatisfied: { type: 'boolean' }, createdAt: { type: ['string', 'null'], format: 'date-time' }, revision, changedAt: { type: 'string', format: 'date-time' },
    },
  },
  Event: {
    type: 'object',
    properties: {
      id: text('cluster/epoch/revision'), cluster: { type: 'string' }, epoch: { type: 'integer' }, revision,
      type: text('such as ip.allocated or service.updated'), time: { type: 'string', format: 'date-time' },
      command: {
        type: 'object',
        properties: {
          id: { type: 'string', format: 'uuid' }, kind: { type: 'string' }, index: text('Place of the event in its command'), last: { type: 'boolean' },
          requestId: { type: ['string', 'null'] }, actor: { type: ['string', 'null'] }, userAgent: { type: ['string', 'null'] }, traceparent: { type: ['string', 'null'] },
        },
      },
      data: { type: 'object' },
    },
  },
  ServiceItem: {
    oneOf: [
      itemOf('create', { type: 'object', description: 'A Service; without a namespace it goes to `default`' }),
      itemOf('replace', { type: 'object', description: 'A Service with its name' }),
      itemOf('patch', {
        type: 'object', required: ['name', 'contentType', 'body'], additionalProperties: false,
        properties: { namespace: { type: 'string', default: 'default' }, name: { type: 'string' }, contentType: { enum: itemPatchTypes }, body: {} },
      }),
      itemOf('delete', {
        type: 'object', required: ['name'], additionalProperties: false,
        properties: { namespace: { type: 'string', default: 'default' }, name: { type: 'string' }, preconditions: { type: 'object', properties: { uid: { type: 'string' }, resourceVersion: { type: 'string' } } } },
      }),
    ],
  },
  ServiceItemAnswer: {
    type: 'object', required: ['status'],
    properties: {
      status: { type: 'integer', description: 'As the HTTP status of a request of its own; 424 = not done, since another item of an atomic batch was not accepted' },
      object: { type: 'object', description: 'The Service, or what a DELETE answers' }, error: { type: 'object', description: 'A Kubernetes `Status`' },
      warnings: { type: 'array', items: { type: 'string' } }, replayed: { type: 'boolean', description: 'An earlier answer given again' },
    },
  },
  Import: {
    type: 'object', description: 'Every line ends in exactly one of the counts',
    properties: {
      dryRun: { type: 'boolean' }, lines: { type: 'integer' }, imported: { type: 'integer' }, updated: { type: 'integer' }, forgotten: { type: 'integer' },
      unchanged: { type: 'integer', description: 'Here already, just so' }, conflicts: { type: 'integer' },
      first: { type: 'array', maxItems: 1000, items: { type: 'object', properties: { line: { type: 'integer' }, service: { type: ['string', 'null'] }, reasons: { type: 'array', items: { type: 'string' } } } } },
    },
  },
  TopUp: {
    type: 'object', description: 'Every Service in `lacking` ends in exactly one of `toppedUp`, `settledMeanwhile`, `rest`, `refused`',
    properties: {
      dryRun: { type: 'boolean' }, examined: { type: 'integer', description: 'Services read' },
      lacking: { type: 'integer', description: 'Of those: PreferDualStack with one family on a dual-stack cluster' },
      toppedUp: { type: 'integer', description: 'Got their second family; in a dry run: would get it' },
      settledMeanwhile: { type: 'integer', description: 'Deleted, edited or topped up by somebody else while this ran' },
      rest: {
        type: 'array', description: 'Found their family full and stay as they are; a later run tops them up',
        items: { type: 'object', properties: { family, services: { type: 'integer' }, first: { type: 'array', maxItems: 10, items: { type: 'string' }, description: 'namespace/name' } } },
      },
      refused: { type: 'object', properties: { services: { type: 'integer' }, first: { type: 'array', maxItems: 10, items: { type: 'object', properties: { service: { type: 'string' }, reason: { type: 'string' } } } } } },
    },
  },
  Problem: {
    type: 'object',
    required: ['type', 'title', 'status', 'code', 'detail', 'retriable'],
    properties: {
      type: { type: 'string' }, title: { type: 'string' }, status: { type: 'integer' },
      code: { enum: problemCatalogue.map(({ code }) => code) }, detail: { type: 'string' },
      retriable: { type: 'boolean', description: 'Whether the same request can succeed later' },
      problems: {
        type: 'array', description: 'What is wrong, field by field, where fields of the request are',
        items: { type: 'object', required: ['field', 'why'], properties: { field: { type: 'string' }, value: { description: 'As it was sent; missing where nothing was' }, why: { type: 'string' } } },
      },
    },
  },
};

const cidrChange = (summary: string): Json => ({
  post: { tags: ['clusters'], summary, parameters: [parameter('cluster'), ...write], requestBody: { required: true, content: json(cidrBody) }, responses: { 200: ok('The cluster', ref('Cluster')), ...problems } },
});

const clusterPaths: Json = {
  '/v1/clusters': {
    post: {
      tags: ['clusters'], summary: 'Register a cluster', parameters: write, requestBody: { required: true, content: json(registerBody) },
      responses: { 201: ok('The cluster', ref('Cluster')), ...problems },
    },
    get: {
      tags: ['clusters'], summary: 'List the clusters by name', parameters: [parameter('limit'), inQuery('continue', { type: 'string' }, 'From the page before')],
      responses: { 200: ok('A page', listOf(ref('Cluster'))), ...problems },
    },
  },
  '/v1/clusters/{cluster}': {
    get: { tags: ['clusters'], summary: 'One cluster', parameters: [parameter('cluster')], responses: { 200: ok('The cluster', ref('Cluster')), ...problems } },
    put: {
      tags: ['clusters'], summary: 'Declare its ranges anew', requestBody: { required: true, content: json(declareBody) },
      description: 'A second family, a further CIDR, one fewer, another primary family. The answer counts the Services that now read differently.',
      parameters: [parameter('cluster'), inQuery('inUse', { enum: ['keep'] }, 'Accept that held addresses lie outside every range afterwards'), ...write],
      responses: { 200: ok('The cluster', ref('Cluster')), ...problems },
    },
    delete: { tags: ['clusters'], summary: 'Remove a cluster without Services', parameters: [parameter('cluster'), ...write], responses: { 200: ok('The cluster as it was', ref('Cluster')), ...problems } },
  },
  '/v1/clusters/{cluster}/cidrs': {
    ...cidrChange('Add a CIDR; it is used after those that are there'),
    get: {
      tags: ['clusters'], summary: 'The pools in the order of use, with what is in them', parameters: [parameter('cluster')],
      responses: { 200: ok('All pools', { type: 'object', properties: { items: { type: 'array', items: ref('Pool') }, revision } }), ...problems },
    },
  },
  '/v1/clusters/{cluster}/cidrs:drain': cidrChange('Take nothing new from a CIDR; what is held stays'),
  '/v1/clusters/{cluster}/cidrs:remove': cidrChange('Remove a CIDR in which nothing is held'),
};

const inLines = (name: string): Json => ({ ...json(ref(name)), 'application/x-ndjson': { schema: { ...ref(name), description: 'A line each second with the report so far and `"done": false`; the last one has `"done": true`' } } });

const bulkPaths: Json = {
  '/v1/clusters/{cluster}/services:batch': {
    post: {
      tags: ['services'], summary: 'Create, replace, patch and delete many Services',
      description:
        'Each item is answered in its place with what a request of its own would be answered; a body that parses is a 200. Items are decided in order, and one that is refused ' +
        'does not hurt its neighbours. With `atomic` all happen in one commit or none: the one that is not accepted says why, the others are 424. As `application/x-ndjson` an item ' +
        'stands on each line (at most 3 MiB), in any number, and so do the answers, which go out while lines still come in; such a run is not atomic. An Idempotency-Key covers every item ' +
        'by its place; accepted items of a retry are answered again with `"replayed": true`.',
      parameters: [
        parameter('cluster'), parameter('dryRun'), inQuery('fieldManager', { type: 'string' }, 'As in the Kubernetes API'),
        inQuery('fieldValidation', { enum: ['Strict', 'Warn', 'Ignore'], default: 'Warn' }, 'As in the Kubernetes API'), parameter('key'),
      ],
      requestBody: {
        required: true,
        content: {
          ...json({
            type: 'object', required: ['items'], additionalProperties: false,
            properties: {
              items: { type: 'array', minItems: 1, maxItems: batchItemsMax, items: ref('ServiceItem') },
              atomic: { type: 'boolean', default: false, description: 'All in one commit, or none' },
            },
          }),
          'application/x-ndjson': { schema: ref('ServiceItem') },
        },
      },
      responses: {
        200: { description: 'An answer for each item, in order', content: { ...json({ type: 'object', required: ['items'], properties: { items: { type: 'array', items: ref('ServiceItemAnswer') } } }), 'application/x-ndjson': { schema: ref('ServiceItemAnswer') } } },
        ...problems,
      },
    },
  },
  '/v1/clusters/{cluster}/services:topup': {
    post: {
      tags: ['services'], summary: 'Give every PreferDualStack Service with one family its second',
      description: 'One command for each Service, 32 under way at once. It ends early when the client goes away; sent again, it goes on with those that still lack a family.',
      parameters: [parameter('cluster'), parameter('dryRun')], requestBody: { required: true, content: json(topUpBody) },
      responses: { 200: { description: 'What it came to', content: inLines('TopUp') }, ...problems },
    },
  },
};

const importPaths: Json = {
  '/v1/clusters/{cluster}/services:import': {
    post: {
      tags: ['services'], summary: 'Take over Services that run already, as they are',
      description: 'A Service on each line, or `{"deleted": {"namespace", "name", "uid"}}`. uid, times, addresses, node ports, families and owners are kept; nothing is chosen. ' +
        'What does not fit is listed with its line and every reason, the rest is imported. Sent again, it passes over what is here just so.',
      parameters: [parameter('cluster'), parameter('dryRun'), inQuery('existing', { enum: ['keep', 'replace'], default: 'keep' }, 'A Service that is here, with the same uid, and differs: a conflict, or brought in line')],
      requestBody: { required: true, content: { 'application/x-ndjson': { schema: { type: 'object' } } } },
      responses: { 200: { description: 'What it came to; as lines also `{"conflict": …}` for each as it comes', content: inLines('Import') }, ...problems },
    },
  },
};

const kubeconfigPaths: Json = {
  '/v1/clusters/{cluster}/kubeconfig': {
    get: {
      tags: ['clusters'], summary: 'A kubeconfig for the cluster, without credentials',
      description: 'Its user is whoever asks; with authentication on, the place of the token is marked. It trusts the authority, or the self-signed certificate, that TLS_CERT_FILE holds.',
      parameters: [parameter('cluster')],
      responses: { 200: { description: 'YAML', content: { 'application/yaml': { schema: { type: 'string' } } } }, ...problems },
    },
  },
};

const service = (names: readonly Json[]) => (summary: string, description = 'The Service as Kubernetes has it'): Json => ({
  tags: ['services'], summary, parameters: names, responses: { default: { description: `${description}, or a Status`, content: json({ type: 'object' }) } },
});

const inCluster = [parameter('cluster')];
const inNamespace = [...inCluster, inPath('namespace', 'Any valid name: namespaces are not made')];
const [ofAll, ofNamespace, ofOne] = [service(inCluster), service(inNamespace), service([...inNamespace, inPath('name', 'Name of the Service')])];
const item = '/clusters/{cluster}/api/v1/namespaces/{namespace}/services/{name}';
const servicePaths: Json = {
  '/clusters/{cluster}/api/v1/services': { get: ofAll('List the Services of all namespaces', 'A ServiceList') },
  '/clusters/{cluster}/api/v1/namespaces/{namespace}/services': {
    post: ofNamespace('Create a Service and allocate its addresses'), get: ofNamespace('List the Services of a namespace', 'A ServiceList'), delete: ofNamespace('Delete what a list selects', 'What was listed'),
  },
  [item]: { get: ofOne('Read a Service'), put: ofOne('Replace it, or create it'), patch: ofOne('Patch it'), delete: ofOne('Delete it and release its addresses') },
  [`${item}/status`]: { get: ofOne('Read it as stored'), put: ofOne('Replace its status'), patch: ofOne('Patch its status') },
};

const plain = (summary: string): Json => ({ get: { tags: ['operations'], summary, responses: { 200: { description: 'Text' }, 503: { description: 'Not now' } } } });
const operationPaths: Json = {
  '/sign-in.json': {
    get: {
      tags: ['operations'], summary: 'How to sign in, for pages', responses: {
        200: ok('Whether requests need an Authorization header, and the OpenID Connect issuer, if any', {
          type: 'object', properties: { required: { type: 'boolean' }, oidc: { oneOf: [{ type: 'object', properties: { issuer: { type: 'string' }, clientId: { type: 'string' } } }, { type: 'null' }] } },
        }),
      },
    },
  },
  '/livez': plain('Is the process alive'),
  '/readyz': plain('Can it serve'),
  '/metrics': plain('Prometheus text or OpenMetrics'),
  '/metrics/kubernetes': {
    get: {
      tags: ['operations'], summary: "The same numbers under kube-apiserver's names",
      parameters: [inQuery('cluster', { type: 'string' }, 'Of this cluster only, then without a label for it, as upstream has it')],
      responses: { 200: { description: 'Prometheus text or OpenMetrics', content: { 'text/plain': { schema: { type: 'string' } } } }, ...problems },
    },
  },
};
