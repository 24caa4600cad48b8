import { duplicate, invalid } from '../field-error.js';
import type { Draws } from '../draws.js';
import { chooseInBand } from '../pool/choose.js';
import { refuse, refuseInvalid } from '../rejection.js';
import { hasNodePorts, needsHealthCheckPort, takesNodePorts, type ServiceObject, type ServicePort } from '../service.js';
import type { ClusterState } from '../state.js';
import { nodePortsOf } from './normalise.js';

export type PortPurpose = 'node-port' | 'health-check';
export interface TakenPort {
  port: number;
  purpose: PortPurpose;
  scope: 'static' | 'dynamic';
}

const alreadyAllocated = 'provided port is already allocated';

/**
 * The ports of one decision: what it takes and what it gives back. A number given back stays taken until the decision is
 * committed, so one request cannot move it between its own uses.
 * @see pkg/registry/core/service/portallocator/operation.go, Kubernetes v1.37.2
 */
export class PortOperation {
  readonly taken: TakenPort[] = [];
  readonly released: number[] = [];

  constructor(private readonly state: ClusterState, private readonly draws: Draws, private readonly dryRun: boolean) {}

  /** @returns why the number cannot be had, or undefined when it is taken now */
  take(port: number, purpose: PortPurpose): string | undefined {
    const { first, last } = this.state.nodePorts;
    if (!this.dryRun && (port < first || port > last))
      return `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
    if (this.state.ports.has(port) || this.has(port)) return alreadyAllocated;
    this.taken.push({ port, purpose, scope: 'static' });
    return undefined;
  }

  /** A free number; undefined when the range is full. A dry run shows a dummy, free or not, exactly as upstream. */
  takeAny(purpose: PortPurpose): number | undefined {
    const port = this.dryRun ? this.dummy() : this.choose();
    if (port !== undefined) this.taken.push({ port, purpose, scope: 'dynamic' });
    return port;
  }

  release(ports: readonly number[], holder: string): void {
    for (const port of ports)
      if (this.state.ports.get(port) === holder && !this.released.includes(port)) this.released.push(port);
  }

  private choose(): number | undefined {
    const { dynamicBand, staticBand } = this.state.nodePorts;
    const taken = { nextAbsent: (from: bigint): bigint => this.nextFree(from) };
    const port = chooseInBand(dynamicBand, taken, this.draws) ?? chooseInBand(staticBand, taken, this.draws);
    return port === undefined ? undefined : Number(port);
  }

  private nextFree(from: bigint): bigint {
    let free = this.state.portNumbers.nextAbsent(from);
    while (this.has(Number(free))) free = this.state.portNumbers.nextAbsent(free + 1n);
    return free;
  }

  private dummy(): number {
    return this.taken.length === 0 ? 32769 : Math.max(...this.taken.map(({ port }) => port)) + 1;
  }

  private has(port: number): boolean {
    return this.taken.some((taken) => taken.port === port);
  }
}

/** Ports of a new Service. Changes `next` in place. @see alloc.go txnAllocNodePorts, initNodePorts */
export const takePorts = (next: ServiceObject, operation: PortOperation): void => {
  if (hasNodePorts(next.spec)) initNodePorts(next, operation);
  if (needsHealthCheckPort(next.spec)) takeHealthCheckPort(next, operation);
};

/**
 * Ports of an updated Service. Numbers that the stored Service carries in any port are kept as they are.
 * @param holder key of the Service, as in the state's port table
 * @see alloc.go txnUpdateNodePorts, updateNodePorts, updateHealthCheckNodePort
 */
export const changePorts = (next: ServiceObject, stored: ServiceObject, holder: string, operation: PortOperation): void => {
  const was = nodePortsOf(stored.spec);
  if (hasNodePorts(stored.spec) && (next.spec.type === 'ExternalName' || next.spec.type === 'ClusterIP')) operation.release(was, holder);
  if (hasNodePorts(next.spec)) {
    updateNodePorts(next, was, operation);
    const kept = nodePortsOf(next.spec);
    operation.release(was.filter((port) => !kept.includes(port)), holder);
  }
  const needed = needsHealthCheckPort(stored.spec);
  const needs = needsHealthCheckPort(next.spec);
  if (!needed && needs) takeHealthCheckPort(next, operation);
  if (needed && !needs && stored.spec.healthCheckNodePort !== undefined) operation.release([stored.spec.healthCheckNodePort], holder);
};

/** The first port of each port number decides; later ports of that number (53/TCP and 53/UDP) share what it got. */
const initNodePorts = (next: ServiceObject, operation: PortOperation): void => {
  const ports = next.spec.ports ?? [];
  const byPort = new Map<number, number>();
  for (const [i, port] of ports.entries()) {
    if (port.nodePort === undefined && !takesNodePorts(next.spec)) continue;
    const shared = byPort.get(port.port);
    if (shared === undefined) {
      const asked = ports.find((other) => other.port === port.port && other.nodePort !== undefined)?.nodePort;
      port.nodePort = asked === undefined ? takeAnyNodePort(operation) : takeNodePort(next, i, asked, operation);
      byPort.set(port.port, port.nodePort);
    } else if (port.nodePort === undefined) port.nodePort = shared;
    else if (port.nodePort !== shared) takeNodePort(next, i, port.nodePort, operation);
  }
};

const updateNodePorts = (next: ServiceObject, was: readonly number[], operation: PortOperation): void => {
  const seen = new Set<string>();
  const taken = new Set<number>();
  for (const [i, port] of (next.spec.ports ?? []).entries()) {
    if (port.nodePort === undefined && !takesNodePorts(next.spec)) continue;
    if (port.nodePort === undefined) port.nodePort = takeAnyNodePort(operation);
    else if (!was.includes(port.nodePort) && !taken.has(port.nodePort)) taken.add(takeNodePort(next, i, port.nodePort, operation));
    refuseSecondUse(next, i, port, seen);
  }
};

/** Upstream answers a bare 500 here; ours is the 422 that full validation would give (difference 9). */
const refuseSecondUse = (next: ServiceObject, index: number, port: ServicePort, seen: Set<string>): void => {
  const use = `${port.protocol} ${port.nodePort}`;
  if (seen.has(use)) refuseInvalid(next.metadata.name, [duplicate(`spec.ports[${index}].nodePort`, port.nodePort)]);
  seen.add(use);
};

const takeNodePort = (next: ServiceObject, index: number, port: number, operation: PortOperation): number => {
  const why = operation.take(port, 'node-port');
  if (why !== undefined) refuseInvalid(next.metadata.name, [invalid(`spec.ports[${index}].nodePort`, port, why)]);
  return port;
};

const takeAnyNodePort = (operation: PortOperation): number =>
  operation.takeAny('node-port') ?? refuse({ code: 'node_ports_exhausted' });

const takeHealthCheckPort = (next: ServiceObject, operation: PortOperation): void => {
  const asked = next.spec.healthCheckNodePort;
  if (asked === undefined) {
    next.spec.healthCheckNodePort =
      operation.takeAny('health-check') ?? refuse({ code: 'health_check_port_refused', port: 0, detail: 'range is full' });
    return;
  }
  const why = operation.take(asked, 'health-check');
  if (why !== undefined) refuse({ code: 'health_check_port_refused', port: asked, detail: why });
};
