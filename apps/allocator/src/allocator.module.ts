import type { SignIn } from '@ipledger/access';
import { PostgresEventStore, type EventStore } from '@ipledger/event-store';
import { StatsModule, type Stats } from '@ipledger/observability';
import type { Logger, MetricsRegistry } from '@ipledger/runtime';
import { LogFollowers, ViewsModule, type ViewsReader } from '@ipledger/views';
import { Module, type DynamicModule } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { BulkController } from './bulk/bulk.controller.js';
import { ServicesBatchController } from './bulk/services-batch.controller.js';
import { CidrsController } from './clusters/cidrs.controller.js';
import { ClustersController } from './clusters/clusters.controller.js';
import { KubeconfigController } from './clusters/kubeconfig.controller.js';
import { LbPoolsController } from './lb-pools/lb-pools.controller.js';
import { LbReservationsController } from './lb-pools/lb-reservations.controller.js';
import { LoadBalancingController } from './lb-pools/load-balancing.controller.js';
import { NetworkController } from './clusters/network.controller.js';
import { ReservationsController } from './clusters/reservations.controller.js';
import { DocsController } from './docs/docs.controller.js';
import { SignInController } from './docs/sign-in.controller.js';
import { ErrorFilter } from './error.filter.js';
import { HealthController } from './health.controller.js';
import { kubernetesControllers } from './kubernetes/controllers.js';
import { DocumentReads } from './kubernetes/document-reads.js';
import { WatchFeeds } from './kubernetes/watch-feed.js';
import { Assigner } from './load-balancer/assigner.js';
import { observeAssigner } from './load-balancer/assigner-metrics.js';
import { AllocatorMetrics } from './metrics.js';
import { DiscoveryController } from './stats/discovery.controller.js';
import { PreflightController } from './stats/preflight.controller.js';
import { SubmitOrderHandler, SubmitUnitHandler } from './writer/submit.handler.js';
import { PageController } from './page/page.controller.js';
import { EVENT_STORE, SIGN_IN, STATS, STOPPING, TRUSTED, VERSION } from './tokens.js';
import { Writers, type WritersSettings } from './writer/writers.js';

export interface AllocatorOptions {
  store: EventStore;
  logger: Logger;
  settings: WritersSettings;
  version: string;
  /** Of which this is built; empty when nobody knows. */
  commit?: string;
  isStopping(): boolean;
  /** Nobody is asked who he is, unless told. */
  signIn?: SignIn;
  /** Certificates (PEM) that a client must trust to reach this server; empty when it needs none, or knows them anyway. */
  trusted?(): string;
  /** What else wants to know of commits in this process, and adds to its metrics. */
  relay?: { hint(): void; observe(registry: MetricsRegistry): void };
  /** Where queries about usage and the past are answered from; without them only the log and the claims answer. */
  views?: ViewsReader;
  /** Told of every commit of this process. */
  onCommit?(): void;
  /** Statistics over the views; without them the claims are counted, and nothing is known of the past. */
  stats?: Stats;
}

/** The command side: HTTP, writers, and the store they append to. */
@Module({})
export class AllocatorModule {
  static of({ store, logger, settings, version, commit = '', isStopping, signIn = { required: false, oidc: null }, trusted = () => '', relay, views, onCommit, stats }: AllocatorOptions): DynamicModule {
    const metrics = new AllocatorMetrics({ version, commit });
    const writers = new Writers(store, settings, metrics);
    const assigner: Assigner = new Assigner({
      store, logger, submit: (...order) => writers.submit(...order), observer: observeAssigner(metrics.registry, () => assigner.isActive, () => store.lbWaits()),
    });
    metrics.onCommitted = (log, events) => assigner.note(log, events);
    const feeds = new WatchFeeds(store);
    const followers = new LogFollowers(store);
    writers.onCommit = (clusterId) => {
      feeds.hint(clusterId);
      followers.hint(clusterId);
      relay?.hint();
      onCommit?.();
    };
    metrics.observe(writers, feeds, stats ?? null);
    if (store instanceof PostgresEventStore) metrics.observeDatabase(store);
    relay?.observe(metrics.registry);
    return {
      module: AllocatorModule,
      imports: [CqrsModule.forRoot(), ViewsModule.of({ store, views: views ?? null, followers }), StatsModule.of(stats ?? null)],
      controllers: [...kubernetesControllers, ClustersController, LbPoolsController, LbReservationsController, LoadBalancingController, CidrsController, ReservationsController, NetworkController, BulkController, ServicesBatchController, KubeconfigController, HealthController, DocsController, SignInController, PageController, DiscoveryController, PreflightController],
      providers: [
        SubmitOrderHandler,
        SubmitUnitHandler,
        { provide: ErrorFilter, useValue: new ErrorFilter(logger) },
        { provide: EVENT_STORE, useValue: store },
        { provide: SIGN_IN, useValue: signIn },
        { provide: TRUSTED, useValue: trusted },
        { provide: VERSION, useValue: version },
        { provide: STATS, useValue: stats ?? null },
        { provide: STOPPING, useValue: isStopping },
        { provide: AllocatorMetrics, useValue: metrics },
        { provide: Writers, useValue: writers },
        { provide: Assigner, useValue: assigner },
        { provide: WatchFeeds, useValue: feeds },
        { provide: DocumentReads, useValue: new DocumentReads(store) },
        { provide: LogFollowers, useValue: followers },
      ],
    };
  }
}
