import { parseAddress } from '@ipledger/ip';
import { timestamp } from '../service/metadata.js';
import type { Condition, ServiceObject, ServiceStatus } from '../service.js';
import type { LbLack } from './choose-lb.js';
import { lbConditionOf, lbConditionType, type LbReason } from './condition.js';

/**
 * Shows in the status of a Service which addresses it has, in the order of its families, and what it lacks. `next.status` is replaced,
 * never changed: it may be that of the stored object.
 * `hopes`: a shared pool may give it what the pools of its cluster could not; `unheeded`: it has all it needs, and asks for something else that makes no sense.
 */
export const showAddresses = (
  next: ServiceObject, addresses: readonly string[], lacking: readonly LbLack[], { time, hopes, unheeded, before }: { time: Date; hopes?: boolean; unheeded?: string | undefined; before: Condition | undefined },
): void => {
  const order = next.spec.ipFamilies ?? [];
  const place = (text: string): number => order.indexOf(parseAddress(text)?.family ?? '');
  const ingress = addresses.toSorted((a, b) => place(a) - place(b)).map((ip) => ({ ip, ipMode: 'VIP' }));
  const { reason, message } = verdict(addresses.length, lacking, { hopes: hopes === true, unheeded, needsAll: next.spec.ipFamilyPolicy === 'RequireDualStack' });
  const status = addresses.length > 0 && reason !== 'RequirementUnmet' ? 'True' : 'False';
  const lastTransitionTime = before?.status === status ? before.lastTransitionTime : timestamp(time);
  const conditions = putCondition(next.status.conditions ?? [], { type: lbConditionType, status, lastTransitionTime, reason, message });
  next.status = { ...next.status, loadBalancer: ingress.length > 0 ? { ingress } : {}, conditions };
};

const verdict = (had: number, lacking: readonly LbLack[], { hopes, unheeded, needsAll }: { hopes: boolean; unheeded: string | undefined; needsAll: boolean }): { reason: LbReason; message: string } => {
  const [first] = lacking;
  if (first === undefined) return { reason: 'Assigned', message: `has all its addresses${unheeded === undefined ? '' : `; what it asks for is not heeded: ${unheeded}`}` };
  const message = lacking.map(({ family, why }) => `no ${family} address: ${why}`).join('; ');
  if (had > 0) return needsAll ? { reason: 'RequirementUnmet', message: `requires two families, and keeps what it has; ${message}` } : { reason: 'PartlyAssigned', message };
  return hopes ? { reason: 'AwaitingSharedPool', message: `${message}; waits for a shared LB pool` } : { reason: first.reason, message };
};

const putCondition = (conditions: readonly Condition[], ours: Condition): Condition[] =>
  conditions.some(({ type }) => type === ours.type) ? conditions.map((condition) => (condition.type === ours.type ? ours : condition)) : [...conditions, ours];

export const withoutCondition = ({ conditions, ...status }: ServiceStatus): ServiceStatus => {
  const others = (conditions ?? []).filter(({ type }) => type !== lbConditionType);
  return others.length > 0 ? { ...status, conditions: others } : status;
};

/** What a client writes to `/status`: what ipledger assigned, and its condition, are as they are stored. Others' conditions are theirs. */
export const keepAssigned = (written: ServiceStatus, stored: ServiceObject): ServiceStatus => {
  const ours = lbConditionOf(stored);
  if (ours === undefined) return (written.conditions ?? []).some(({ type }) => type === lbConditionType) ? withoutCondition(written) : written;
  return { ...written, loadBalancer: stored.status.loadBalancer, conditions: putCondition(written.conditions ?? [], ours) };
};
