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

/**
 * What a client may do, and who it is: `kubectl auth can-i` and `auth whoami`. Requests are not authenticated, so everybody
 * is anonymous and may do everything; nothing is stored.
 */
@Controller('clusters/:cluster/apis')
export class ReviewsController {
  constructor(private readonly writers: Writers) {}

  @Post('authorization.k8s.io/v1/selfsubjectaccessreviews')
  async access(@Param('cluster') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.answer(name, 'SelfSubjectAccessReview', request, reply, (spec) => {
      const asked = [spec['resourceAttributes'], spec['nonResourceAttributes']].filter(isObject);
      if (asked.length !== 1)
        throw new StatusError(invalidStatus('SelfSubjectAccessReview', '', [required('spec.resourceAttributes', 'exactly one of nonResourceAttributes or resourceAttributes must be specified')], 'authorization.k8s.io'));
      return { allowed: true };
    });
  }

  @Post('authorization.k8s.io/v1/selfsubjectrulesreviews')
  async rules(@Param('cluster') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.answer(name, 'SelfSubjectRulesReview', request, reply, () => ({
      resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }], nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }], incomplete: false,
    }));
  }

  @Post('authentication.k8s.io/v1/selfsubjectreviews')
  async self(@Param('cluster') name: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.answer(name, 'SelfSubjectReview', request, reply, () => ({ userInfo: { username: 'system:anonymous', groups: ['system:unauthenticated'] } }));
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
