import type { Command } from '@ipledger/services';
import { create, patch, remove } from '../../libs/services/src/testing/commands.js';
import { declareDefault, lbPool, lbService } from '../../libs/services/src/testing/lb-commands.js';
import type { Random } from '../chaos/random.js';
import { orderOf } from './clients.js';
import type { LbAssigner } from './lb-assigner.js';
import type { SimulatedCluster } from './replicas.js';
import type { Scheduler } from './scheduler.js';

/** Small enough to be full, and to be fought over. The second pool has addresses of one family only. */
export const poolRanges = [['203.0.113.1-203.0.113.3', '2001:db8::1-2001:db8::2'], ['198.51.100.1-198.51.100.2']] as const;
const [sessions, operationsEach] = [4, 11];
const policies = ['SingleStack', 'PreferDualStack', 'RequireDualStack'];
const killChance = 0.06;

/** Clients that order something at any replica, and somebody who kills assigners in whatever they do. */
export class LbClients {
  readonly happened: Record<string, number> = { accepted: 0, killed: 0, poolChanges: 0 };
  private uids = 0;

  constructor(
    private readonly clusters: readonly SimulatedCluster[], private readonly pools: readonly SimulatedCluster[], private readonly assigners: LbAssigner[], private readonly replace: () => LbAssigner,
    private readonly scheduler: Scheduler, private readonly random: Random,
  ) {}

  async run(): Promise<void> {
    for (const assigner of this.assigners) void assigner.run();
    await Promise.all(Array.from({ length: sessions }, () => this.session(this.random.fork())));
    for (const assigner of this.assigners) assigner.stop();
  }

  private async session(random: Random): Promise<void> {
    for (let n = 0; n < operationsEach; n++) {
      await this.scheduler.after(random.whole(0, 30));
      if (random.chance(killChance)) this.kill(random);
      if (random.chance(0.12)) await this.changePool(random);
      else if (random.chance(0.06)) await this.changeDefault(random);
      else await this.submit(random.pick(this.clusters).name, this.change(random), random);
    }
  }

  private change(random: Random): Command {
    const name = random.pick(['a', 'b', 'c']);
    const options = { seed: this.seed(random), newUid: `uid-${++this.uids}` };
    const spec = { ipFamilyPolicy: random.pick(policies) };
    const unclassed = random.chance(0.25) ? { loadBalancerClass: undefined } : {};
    const requested = random.chance(0.2) ? { annotations: { 'ipledger.io/load-balancer-ips': `203.0.113.${random.whole(1, 3)}` } } : {};
    switch (random.pick(['create', 'create', 'create', 'delete', 'away', 'away', 'back', 'back', 'policy', 'request', 'label', 'label', 'label', 'label'] as const)) {
      case 'create': return create(lbService(name, { ...spec, ...unclassed }, requested), options);
      case 'delete': return remove(name, {}, options);
      case 'away': return patch(name, { spec: { type: 'ClusterIP', loadBalancerClass: null, allocateLoadBalancerNodePorts: null } }, options);
      case 'back': return patch(name, { spec: { type: 'LoadBalancer', loadBalancerClass: 'ipledger.io/pool', allocateLoadBalancerNodePorts: false } }, options);
      case 'policy': return patch(name, { spec: { ...spec, ...(spec.ipFamilyPolicy === 'SingleStack' && { ipFamilies: null, clusterIPs: null }) } }, options);
      case 'request': return patch(name, { metadata: { annotations: { 'ipledger.io/load-balancer-ips': random.pick([null, '203.0.113.1', '203.0.113.2']) } } }, options);
      case 'label': return patch(name, { metadata: { labels: { n: String(random.whole(1, 9)) } } }, options);
    }
  }

  /** One that may be refused, since what is held must stay inside. */
  private async changePool(random: Random): Promise<void> {
    const index = random.whole(0, this.pools.length - 1);
    const { name } = this.pools[index]!;
    const all = poolRanges[index]!;
    const pool = name.slice('lb-pool:'.length);
    const served = random.chance(0.5) ? 'all' as const : this.clusters.filter(() => random.chance(0.7)).map((cluster) => cluster.name);
    const command: Command = random.chance(0.5)
      ? { type: 'DrainLbPool', name, pool, range: random.pick([null, ...all]), drain: random.chance(0.4), time: new Date(Date.now()), seed: this.seed(random), dryRun: false }
      : lbPool(pool, random.chance(0.8) ? all : all.slice(0, 1), { clusters: served, existing: 'replace', coolDownSeconds: random.pick([0, 3]) });
    if (await this.submit(name, command, random)) this.happened['poolChanges']!++;
  }

  private async changeDefault(random: Random): Promise<void> {
    const { name } = random.pick(this.clusters);
    await this.submit(name, { ...declareDefault(random.chance(0.7), { seed: this.seed(random) }), name }, random);
  }

  private async submit(log: string, command: Command, random: Random): Promise<boolean> {
    const order = orderOf('client', 0, { ...command, time: new Date(Date.now()) }, random, false);
    const outcome = await random.pick(this.assigners).replica.submit(log, order).catch((error: unknown) => {
      if (error instanceof TypeError) throw error;
    });
    const isAccepted = outcome?.kind === 'accepted';
    if (isAccepted) this.happened['accepted']!++;
    return isAccepted;
  }

  private kill(random: Random): void {
    const index = random.whole(0, this.assigners.length - 1);
    this.assigners[index]!.replica.process.kill();
    this.assigners[index] = this.replace();
    void this.assigners[index].run();
    this.happened['killed']!++;
  }

  private seed(random: Random): Command['seed'] {
    return [random.whole(1, 1e9), random.whole(1, 1e9), random.whole(1, 1e9), random.whole(1, 1e9)];
  }
}
