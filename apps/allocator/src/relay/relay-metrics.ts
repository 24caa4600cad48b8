import type { RelayLag } from '@ipledger/event-store';
import type { MetricsRegistry } from '@ipledger/runtime';
import type { RelayCounts } from './relay.js';

/**
 * What is told of the relay. How far it is behind is read from the database, so that a replica that stands by tells it too:
 * the alert must not go silent with the relay.
 */
export const observeRelay = (registry: MetricsRegistry, counts: RelayCounts, readLag: () => Promise<RelayLag[]>): void => {
  const active = registry.gauge({ name: 'ipledger_relay_active', help: 'Whether this process is the one that relays.' });
  const published = registry.counter({ name: 'ipledger_relay_published_events_total', help: 'Events that this process has published to Kafka.' });
  const errors = registry.counter<'reason'>({ name: 'ipledger_relay_errors_total', help: 'Interruptions of the relay.', labels: ['reason'] });
  const revision = registry.gauge<'cluster'>({ name: 'ipledger_relay_revision', help: 'Last revision published to Kafka.', labels: ['cluster'] });
  const lagEvents = registry.gauge<'cluster'>({ name: 'ipledger_relay_lag_events', help: 'Events not yet published to Kafka.', labels: ['cluster'] });
  const lagSeconds = registry.gauge<'cluster'>({ name: 'ipledger_relay_lag_seconds', help: 'Age of the oldest event not yet published to Kafka; 0 when there is none.', labels: ['cluster'] });
  registry.onCollect(async () => {
    active.set({}, counts.active ? 1 : 0);
    published.set({}, counts.publishedEvents);
    for (const [reason, count] of Object.entries(counts.errors)) errors.set({ reason }, count);
    const lags = await readLag();
    const nowMs = Date.now();
    revision.replace(lags.map(({ cluster, publishedRevision }) => [{ cluster }, publishedRevision] as const));
    lagEvents.replace(lags.map(({ cluster, events }) => [{ cluster }, events] as const));
    lagSeconds.replace(lags.map(({ cluster, oldest }) => [{ cluster }, oldest === null ? 0 : Math.max(0, nowMs - oldest.getTime()) / 1000] as const));
  });
};
