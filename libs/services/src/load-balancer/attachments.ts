import type { LbAddressAttached } from '../events.js';
import { memberKey } from './holdings.js';

export type Attachment = LbAddressAttached['data'];

/** What the Services of a cluster have of shared LB pools. */
export class Attachments {
  private readonly byService = new Map<string, readonly Attachment[]>();

  /** In the order in which they were attached. */
  of(service: string): readonly Attachment[] {
    return this.byService.get(service) ?? [];
  }
  all(): readonly Attachment[] {
    return [...this.byService.values()].flat();
  }

  attach(attachment: Attachment): void {
    this.detach(attachment);
    const key = memberKey(undefined, attachment.service);
    this.byService.set(key, [...this.of(key), attachment]);
  }
  detach({ service, lbPool, address }: Pick<Attachment, 'service' | 'lbPool' | 'address'>): void {
    const key = memberKey(undefined, service);
    const left = this.of(key).filter((attached) => attached.lbPool !== lbPool || attached.address !== address);
    if (left.length > 0) this.byService.set(key, left);
    else this.byService.delete(key);
  }
}
