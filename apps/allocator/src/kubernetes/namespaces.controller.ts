import type { EventStore } from '@ipledger/event-store';
import { Controller, Get, Inject, Param, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { EVENT_STORE } from '../tokens.js';
import { Writers } from '../writer/writers.js';
import { knownCluster } from './known-cluster.js';
import { headRevision } from './service-list.js';
import { methodNotAllowed, notFound } from './status.js';
import { StatusError } from './status-error.js';

/**
 * What clients ask for on the way to a Service. A namespace is just a name, so every valid one exists: after a 404 kubectl
 * reads the namespace, and a 404 of that would hide the error about the Service. Kubernetes Events are not written here
 * (what happened stands in the log), so their list is empty, which `kubectl describe` needs.
 */
@Controller('clusters/:cluster/api/v1')
export class NamespacesController {
  constructor(private readonly writers: Writers, @Inject(EVENT_STORE) private readonly store: EventStore) {}

  @Get('namespaces/:namespace')
  async namespace(@Param() { cluster, namespace }: { cluster: string; namespace: string }): Promise<object> {
    await knownCluster(this.writers, cluster);
    if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace)) throw new StatusError(notFound(namespace, 'namespaces'));
    return {
      kind: 'Namespace', apiVersion: 'v1', metadata: { name: namespace, labels: { 'kubernetes.io/metadata.name': namespace } },
      spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' },
    };
  }

  @Get(['events', 'namespaces/:namespace/events'])
  async events(@Param('cluster') name: string, @Req() request: FastifyRequest): Promise<object> {
    const cluster = await knownCluster(this.writers, name);
    if (new URLSearchParams(request.url.split('?', 2)[1]).has('watch')) throw new StatusError(methodNotAllowed());
    return { kind: 'EventList', apiVersion: 'v1', metadata: { resourceVersion: String(await headRevision(this.store, cluster)) }, items: [] };
  }
}
