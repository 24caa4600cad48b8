import type { StoredLbAttached, StoredLbMember, StoredLbWaiting } from '@ipledger/event-store';
import { claimChanges, memberKey, serviceKey, type DatedEvent } from '@ipledger/services';

/** Who must have which addresses of LB pools at the end of the log, who must lack them, and what must be attached. Kept as it is: few Services are of type LoadBalancer. */
export class ExpectedLb {
  readonly members = new Map<string, StoredLbMember>();
  readonly waiting = new Map<string, StoredLbWaiting>();
  readonly attached = new Map<string, StoredLbAttached>();

  take(dated: DatedEvent): void {
    const { lb: { members, waiting, attached } } = claimChanges([dated]);
    for (const row of members.held) this.members.set(memberKeyOf(row), row);
    for (const row of members.left) this.members.delete(memberKeyOf(row));
    for (const row of waiting.held) this.waiting.set(waitingKeyOf(row), row);
    for (const row of waiting.left) this.waiting.delete(waitingKeyOf(row));
    for (const row of attached.held) this.attached.set(attachedKeyOf(row), row);
    for (const row of attached.left) this.attached.delete(attachedKeyOf(row));
  }
}

export const memberKeyOf = ({ address, cluster, namespace, name }: Pick<StoredLbMember, 'address' | 'cluster' | 'namespace' | 'name'>): string =>
  `${address} of ${memberKey(cluster === '' ? undefined : cluster, { namespace, name })}`;
export const waitingKeyOf = ({ namespace, name }: Pick<StoredLbWaiting, 'namespace' | 'name'>): string => serviceKey(namespace, name);
export const attachedKeyOf = ({ pool, address, namespace, name }: Pick<StoredLbAttached, 'pool' | 'address' | 'namespace' | 'name'>): string => `${address} of ${pool} at ${serviceKey(namespace, name)}`;

export const memberWords = (row: StoredLbMember): string =>
  `${row.uid} with ${row.ports.join(', ') || 'no port'}${row.sharingKey === null ? '' : `, shared as ${row.sharingKey}`}${row.backend === '' ? '' : `, of ${row.backend}`}${row.wait === null ? '' : `, for its revision ${row.wait}`}, since revision ${row.revision}`;
export const waitingWords = ({ families, reason, uid, revision }: StoredLbWaiting): string => `${uid} without ${families.join(' and ')} (${reason}) since revision ${revision}`;
export const attachedWords = ({ uid, revision }: StoredLbAttached): string => `${uid} since revision ${revision}`;
