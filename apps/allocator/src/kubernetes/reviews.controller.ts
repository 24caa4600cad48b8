import { identityOf, mayInCluster, type Attributes, type Identity } from '@ipledger/access';
import { required, type JsonValue } from '@ipledger/services';
import { Controller, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Writers } from '../writer/writers.js';
import { knownCluster } from './known-cluster.js';
import { representationOf, sendObject } from './representation.js';
import { readObjectBody, writeOptions } from './request.js';
import { badRequest, invalidStatus } from './status.js';
import { StatusError } from './status-error.js';

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What a client may do, and who it is: `kubectl auth can-i` and `auth whoami`. Nothing is stored. */
@Controller('clusters/:cluster/apis')
export class ReviewsController {
  constructor(private readonly writers: Writers) {}

  @Post('authorization.k8s.io/v1/selfsubjectaccessreviews')
  async access(@Param('cluster') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.answer(name, 'SelfSubjectAccessReview', request, reply, (spec) => {
      const asked = [spec['resourceAttributes'], spec['nonResourceAttributes']].filter(isObject);
      if (asked.length !== 1)
        throw new StatusError(invalidStatus('SelfSubjectAccessReview', '', [required('spec.resourceAttributes', 'exactly one of nonResourceAttributes or resourceAttributes must be specified')], 'authorization.k8s.io'));
      const attributes = isObject(spec['resourceAttributes']) ? attributesIn(spec['resourceAttributes']) : undefined;
      // Paths that are no resource describe the API: they are for every identity, to read.
      return { allowed: attributes === undefined ? isRead(spec['nonResourceAttributes']) : mayInCluster(identityOf(request), name, attributes) };
    });
  }

  @Post('authorization.k8s.io/v1/selfsubjectrulesreviews')
  async rules(@Param('cluster') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.answer(name, 'SelfSubjectRulesReview', request, reply, (spec) => ({
      resourceRules: rulesFor(identityOf(request), name, textOf(spec['namespace'])), nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['*'] }], incomplete: false,
    }));
  }

  @Post('authentication.k8s.io/v1/selfsubjectreviews')
  async self(@Param('cluster') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.answer(name, 'SelfSubjectReview', request, reply, () => {
      const { user: username, groups } = identityOf(request);
      return { userInfo: { username, groups } };
    });
  }

  private async answer(cluster: string, kind: string, request: FastifyRequest, reply: FastifyReply, status: (spec: Json) => Json): Promise<void> {
    await knownCluster(this.writers, cluster);
    const form = representationOf(request);
    writeOptions(request, 'CreateOptions');
    const { value } = readObjectBody(request);
    const apiVersion = `${kind === 'SelfSubjectReview' ? 'authentication' : 'authorization'}.k8s.io/v1`;
    const body = reviewBody(value, kind, apiVersion);
    const spec = isObject(body['spec']) ? body['spec'] : {};
    const hasSpec = kind !== 'SelfSubjectReview';
    const answer = JSON.stringify({ kind, apiVersion, metadata: {}, ...(hasSpec && { spec }), status: status(spec) });
    sendObject(reply, form.kind === 'object' ? form : { kind: 'object', yaml: false }, 201, answer);
  }
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const attributesIn = (given: Json): Attributes => ({
  verb: textOf(given['verb']), group: textOf(given['group']), resource: textOf(given['resource']), subresource: textOf(given['subresource']), namespace: textOf(given['namespace']),
});
const isRead = (attributes: unknown): boolean => isObject(attributes) && textOf(attributes['verb']) === 'get';

/** What there is to do: everything that the policy knows, by group and resource. */
const served: readonly [group: string, resource: string, subresource: string][] = [
  ['', 'services', ''], ['', 'services', 'status'], ['', 'namespaces', ''], ['', 'events', ''], ['networking.k8s.io', 'ipaddresses', ''], ['networking.k8s.io', 'servicecidrs', ''],
  ['authorization.k8s.io', 'selfsubjectaccessreviews', ''], ['authorization.k8s.io', 'selfsubjectrulesreviews', ''], ['authentication.k8s.io', 'selfsubjectreviews', ''],
];
const verbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'];

const rulesFor = (identity: Identity, cluster: string, namespace: string): Json[] => {
  if (mayInCluster(identity, cluster, { verb: '*', group: '*', resource: '*', subresource: '', namespace })) return [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }];
  return served.flatMap(([group, resource, subresource]) => {
    const allowed = verbs.filter((verb) => mayInCluster(identity, cluster, { verb, group, resource, subresource, namespace }));
    return allowed.length === 0 ? [] : [{ verbs: allowed, apiGroups: [group], resources: [subresource === '' ? resource : `${resource}/${subresource}`] }];
  });
};

/** @throws StatusError 400 when the body is another kind, or no object */
const reviewBody = (value: JsonValue, kind: string, apiVersion: string): Json => {
  const body = value ?? {};
  const prefix = `${kind} in version "v1" cannot be handled as a ${kind}`;
  if (!isObject(body)) throw new StatusError(badRequest(`${prefix}: the body is no object`));
  for (const [name, expected] of [['kind', kind], ['apiVersion', apiVersion]] as const) {
    const given = body[name] ?? '';
    if (given !== '' && given !== expected) throw new StatusError(badRequest(`${prefix}: ${name}: found ${JSON.stringify(given).slice(0, 80)}, expected ${JSON.stringify(expected)}`));
  }
  return body;
};
