import { otherFamily, type Family } from '@ipledger/ip';
import { encodeService } from '../codec/encode-service.js';
import type { TopUpService } from '../commands.js';
import type { Accepted } from '../decision.js';
import { Draws } from '../draws.js';
import { serveLoadBalancer } from '../load-balancer/serve.js';
import { refuse, refuseInvalid } from '../rejection.js';
import { isExternalName, type ServiceObject } from '../service.js';
import type { ClusterState } from '../state.js';
import { validateUpdate } from '../validation/service.js';
import { changeAddresses } from './cluster-ips.js';
import { copyService, parseDocument, readDocument } from './document.js';
import { addressEvents, previousOf, refOf } from './facts.js';
import { settleFamilies, type ClusterFamilies } from './ip-families.js';
import { applyReadDefaults } from './read-defaults.js';

/**
 * The family that a Service prefers to have and lacks: its policy is PreferDualStack, its cluster has two families, it has
 * one. So it is after its cluster became dual-stack, because nothing but an update changes it (spec section 3). Derived,
 * never stored. A Service that is being deleted wants nothing any more.
 * @param service with read defaults applied
 */
export const missingFamily = ({ metadata, spec }: ServiceObject, families: ClusterFamilies): Family | undefined => {
  if (spec.ipFamilyPolicy !== 'PreferDualStack' || isExternalName(spec) || metadata.deletionTimestamp !== undefined) return undefined;
  const [only, second] = spec.ipFamilies ?? [];
  return families.length === 2 && only !== undefined && second === undefined ? otherFamily(only as Family) : undefined;
};

/**
 * Adds the missing family behind the one that is there, with an address unless the Service is headless: what a client gets
 * who edits `ipFamilies`, except that nobody comes to own the field.
 */
export const topUpService = (command: TopUpService, state: ClusterState, storedText: string | undefined): Accepted => {
  if (storedText === undefined) return refuse({ code: 'not_found', name: command.name });
  const stored = applyReadDefaults(parseDocument(storedText), state.families[0]);
  const missing = missingFamily(stored, state.families);
  if (missing === undefined) return { outcome: 'accepted', events: [], document: storedText, answer: readDocument(storedText, state.families[0]), status: 200, warnings: [] };
  const next = copyService(stored);
  next.spec.ipFamilies = [...(stored.spec.ipFamilies ?? []), missing];
  settleFamilies(next, stored, state.families);
  const draws = new Draws(command.seed);
  const { taken } = changeAddresses(next, stored, state, draws);
  refuseInvalid(next.metadata.name, validateUpdate(next, stored));
  const claims = [...addressEvents(refOf(stored), taken, [], 'downgraded', command.time), ...serveLoadBalancer(next, stored, state, draws, command)];
  if (!command.dryRun) next.metadata.resourceVersion = String(state.revision + claims.length + 1);
  const document = encodeService(next);
  return {
    outcome: 'accepted',
    events: command.dryRun ? [] : [...claims, { type: 'service.updated', data: { service: refOf(stored), previous: previousOf(stored), object: next } }],
    document,
    answer: document,
    status: 200,
    warnings: [],
  };
};
