import type { Accepted } from '../decision.js';
import { Draws } from '../draws.js';
import type { Event } from '../events.js';
import { refuse } from '../rejection.js';
import type { ClusterState } from '../state.js';
import { chooseLbAddresses, type LbHad, type LbLack } from './choose-lb.js';
import type { ClaimLoadBalancer, ReleaseLoadBalancer } from './commands.js';
import { joinEvents, leaveEvents, memberFacts } from './facts-lb.js';
import { memberKey, type LbMember } from './holdings.js';
import { sharesAlike } from './request.js';

/** What the log of a shared pool answers to a claim: an address for each family that it could serve, in the order of the request. */
export interface LbClaimAnswer {
  addresses: string[];
  /** Why, for each family that it could not serve. */
  lacking: LbLack[];
}

/**
 * Claims addresses for a Service of a cluster. Those that it holds and that still fit are claimed anew, with a new revision and the new
 * wait. A pool that has nothing for it appends nothing.
 *
 * A claim that comes late knows nothing of what was claimed and attached since (ADR 0004). So one for an earlier wait than what is held
 * changes nothing; and nothing is released here but what an earlier Service of that name has left, since a later wait says that it is gone.
 * What the Service itself holds and wants no more is released as every claim that it has not attached.
 */
export const claimLoadBalancer = (command: ClaimLoadBalancer, state: ClusterState): Accepted => {
  const { cluster, wait, request, time } = command;
  const [shared] = state.lbPools;
  if (shared === undefined) return refuse({ code: 'lb_pool_not_found', pool: command.name });
  const { name: pool, clusters = [] } = shared.pool;
  if (clusters !== 'all' && !clusters.includes(cluster)) {
    const why = `the LB pool ${pool} does not serve the cluster ${cluster}`;
    return answered([], { addresses: [], lacking: request.families.map((family): LbLack => ({ family, reason: 'NoPool', why })) }, command);
  }
  const key = memberKey(cluster, request.service);
  const { had, lacking } = chooseLbAddresses({ request, cluster, state, draws: new Draws(command.seed), preferred: [] });

  const members = new Map(state.lb.addressesOf(key).flatMap((text) => {
    const mine = state.lb.membersOf(text).find((member) => memberKey(member.cluster, member.service) === key);
    return mine === undefined ? [] : [[text, mine] as const];
  }));
  const isLate = [...members.values()].some((member) => (member.wait ?? 0) > wait);
  if (isLate || had.length === 0 || (request.needsAll && lacking.length > 0)) return answered([], { addresses: [], lacking }, command);

  const isRenewed = ({ how, text }: LbHad): boolean => how === 'kept' && members.get(text)?.service.uid === request.service.uid;
  const renewed = had.filter(isRenewed);
  const isTakenAnew = (address: string): boolean => had.some(({ how, text }) => text === address && how !== 'kept');
  const left = [...members].flatMap(([text, { service: { uid } }]) => (uid !== request.service.uid || isTakenAnew(text) ? [text] : []));
  // A claim is of one uid: what an earlier Service of that name has left is taken anew.
  const taken = had.filter((one) => !isRenewed(one)).map((one): LbHad => (one.how !== 'kept' ? one : { ...one, how: state.lb.membersOf(one.text).length > 1 ? 'joined' : 'taken' }));
  const events = [
    ...leaveEvents(left, { service: request.service, cluster }, () => 'not-wanted', state, time),
    ...renewed.flatMap(({ text }) => renewEvents(text, members.get(text), { request, wait }, state)),
    ...joinEvents(taken, { request, cluster, wait }),
  ];
  return answered(events, { addresses: had.map(({ text }) => text), lacking }, command);
};

const renewEvents = (text: string, was: LbMember | undefined, { request, wait }: Pick<ClaimLoadBalancer, 'request' | 'wait'>, state: ClusterState): Event[] => {
  if (was === undefined) return [];
  const now = memberFacts(text, { ...was, ports: request.ports, backend: request.backend, wait }, state);
  if (sharesAlike({ ...was, sharingKey: was.sharingGroup }, request))
    return [{ type: 'lb-member.joined', data: { ...now, renews: was.revision, ...(was.wait !== undefined && { renewsWait: was.wait }) } }];
  return [{ type: 'lb-member.left', data: { ...memberFacts(text, was, state), since: was.revision, reason: 'sharing-changed' } }, { type: 'lb-member.joined', data: now }];
};

/** Ends the claims that are still as they were seen. */
export const releaseClaims = (command: ReleaseLoadBalancer, state: ClusterState): Accepted => {
  const key = memberKey(command.cluster, command.service);
  const same = command.claims.filter(({ address, revision }) =>
    state.lb.membersOf(address).some((member) => memberKey(member.cluster, member.service) === key && member.revision === revision));
  const addresses = same.map(({ address }) => address);
  return answered(leaveEvents(addresses, command, () => 'orphaned', state, command.time), { addresses, lacking: [] }, command);
};

const answered = (events: Event[], answer: LbClaimAnswer, { dryRun }: { dryRun: boolean }): Accepted =>
  ({ outcome: 'accepted', events: dryRun ? [] : events, answer: JSON.stringify(answer), status: 200, warnings: [] });
