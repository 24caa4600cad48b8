import { Controller, Get, Header, Param, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { stringify } from 'yaml';
import { problem, ProblemError, rejectionProblem } from '../problem.js';
import { Writers } from '../writer/writers.js';

/** What `kubectl --kubeconfig` needs to reach one cluster: its URL, as this request reached us, and no credentials. */
@Controller('v1/clusters/:cluster')
export class KubeconfigController {
  constructor(private readonly writers: Writers) {}

  @Get('kubeconfig')
  @Header('content-type', 'application/yaml')
  async kubeconfig(@Param('cluster') name: string, @Req() request: FastifyRequest): Promise<string> {
    if ((await this.writers.findNow(name)) === undefined) throw new ProblemError(rejectionProblem({ code: 'cluster_not_found', cluster: name }));
    const { host, protocol } = request;
    if (!/^[\w.\-[\]:]+$/.test(host)) throw new ProblemError(problem('invalid_request', 'the header Host must name this server, since the kubeconfig points at it'));
    return stringify({
      apiVersion: 'v1',
      kind: 'Config',
      // Clients that check certificates refuse plain HTTP unless told that there is none to check.
      clusters: [{ name, cluster: { server: `${protocol}://${host}/clusters/${name}`, ...(protocol === 'http' && { 'insecure-skip-tls-verify': true }) } }],
      users: [{ name: 'anonymous', user: {} }],
      contexts: [{ name, context: { cluster: name, user: 'anonymous', namespace: 'default' } }],
      'current-context': name,
    });
  }
}
