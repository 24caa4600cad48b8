import type { EventStore, InMemoryEventStore, LbUnattached } from '@ipledger/event-store';
import type { Command } from '@ipledger/services';

/** What a bug would leave out of the way to an address of a shared pool (ADR 0004, point 6). The simulation must find each. */
export const lbBugs = {
  'no-wait-condition': 'an address is attached although the Service does not wait as it did when it was claimed',
  'no-claim-revision': 'a claim is released although it was renewed since it was seen without a holder',
  'no-snapshot': 'claims, attachments and waits are read one after the other',
  'no-release': 'nobody looks for claims without a holder',
  'orphan-when-not-waiting': 'a claim is without a holder only once its Service waits no more, whatever it was claimed for',
} as const;
export type LbBug = keyof typeof lbBugs;

/** The command as one with the bug would be: it names what is there now, so that the condition always holds. */
export const withoutCondition = async (command: Command, store: InMemoryEventStore, log: string, bug: LbBug | undefined): Promise<Command> => {
  if (bug === 'no-wait-condition' && command.type === 'AttachLoadBalancer') {
    const head = await store.clusterByName(log);
    const [document] = await store.documents(head!.id, [command]);
    return { ...command, wait: document?.revision ?? command.wait };
  }
  if (bug === 'no-claim-revision' && command.type === 'ReleaseLoadBalancer') {
    const head = await store.clusterByName(log);
    const members = (await store.listLbMembers(head!.id, undefined, 1_000)).filter(({ cluster, namespace, name }) => cluster === command.cluster && namespace === command.service.namespace && name === command.service.name);
    return { ...command, claims: command.claims.map(({ address, revision }) => ({ address, revision: members.find((member) => member.address === address)?.revision ?? revision })) };
  }
  return command;
};

/** The look at claims, with the bugs that are its own. @param turn between two reads, where they are not of one snapshot */
export const unattachedWith = (bug: LbBug | undefined, store: EventStore, base: InMemoryEventStore, turn: () => Promise<void>): EventStore['lbUnattached'] => async (prefix, limit, past) => {
  if (bug === 'no-release') return (await store.lbUnattached(prefix, limit, past)).filter(({ isAwaited }) => isAwaited);
  if (bug === 'orphan-when-not-waiting') {
    const found = await store.lbUnattached(prefix, limit, past);
    const kept = await Promise.all(found.map(async (row) => (row.isAwaited || row.clusterId === null || !(await waits(base, row, row.clusterId)) ? [row] : [])));
    return kept.flat();
  }
  if (bug !== 'no-snapshot') return store.lbUnattached(prefix, limit, past);
  const before = await base.lbUnattached(prefix, limit);
  await turn();
  const after = await base.lbUnattached(prefix, limit);
  // Attachments as they were, waits and claims as they are.
  const all = await Promise.all((await base.clustersBeginning(prefix)).map(async (log) => (await base.listLbMembers(log.id, undefined, 1_000)).map((member) => ({ ...member, log: { id: log.id, name: log.name } }))));
  return all.flat().flatMap((member): LbUnattached[] => {
    const same = (row: LbUnattached): boolean => row.log.id === member.log.id && row.address === member.address && row.cluster === member.cluster && row.namespace === member.namespace && row.name === member.name;
    const was = before.find(same);
    return was === undefined ? [] : [{ ...was, ...member, isAwaited: after.find(same)?.isAwaited ?? false }];
  });
};

const waits = async (base: InMemoryEventStore, { namespace, name, uid }: LbUnattached, clusterId: number): Promise<boolean> =>
  (await base.listLbWaiting(clusterId, undefined, 1_000)).some((row) => row.namespace === namespace && row.name === name && row.uid === uid);
