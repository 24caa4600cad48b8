import { writeFile } from 'node:fs/promises';
import type { Disk } from './disk.js';
import type { Random } from './random.js';
import type { Service } from './service.js';
import type { System } from './system.js';

/** What happens to the system, drawn from the seed. Each fault heals itself before the next of its kind begins. */
export type FaultKind = 'kill' | 'freeze' | 'connection' | 'postgres' | 'broker' | 'clock' | 'disk';

/** How often each kind comes, relative to the others: connections and processes fail more often than databases. */
const weights: [FaultKind, number][] = [['kill', 30], ['freeze', 30], ['connection', 50], ['postgres', 6], ['broker', 4], ['clock', 10], ['disk', 4]];

export const faultKinds: readonly FaultKind[] = weights.map(([kind]) => kind);

const pauseMs: [number, number] = [800, 4_500];

export class Faults {
  readonly counts: Record<FaultKind, number> = { kill: 0, freeze: 0, connection: 0, postgres: 0, broker: 0, clock: 0, disk: 0 };
  private stopped = false;
  private readonly healing = new Set<Promise<void>>();
  private readonly busy = new Set<string>();

  constructor(private readonly system: System, private readonly random: Random, private readonly say: (line: string) => void, private readonly kinds: readonly FaultKind[]) {}

  /** Hurts the system until `stop`. */
  async run(): Promise<void> {
    while (!this.stopped) {
      await sleep(this.random.whole(...pauseMs));
      if (this.stopped) break;
      await this.inject(this.draw());
    }
  }

  /** Ends the faults and resolves when everything is healed and ready. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.healing);
    await Promise.all(this.system.services.map(async (service) => {
      service.thaw();
      await writeFile(service.clockFile, '0');
      await service.ready();
    }));
  }

  private draw(): FaultKind {
    const chosen = weights.filter(([kind]) => this.kinds.includes(kind));
    let at = this.random.next() * chosen.reduce((sum, [, weight]) => sum + weight, 0);
    return chosen.find(([, weight]) => (at -= weight) < 0)?.[0] ?? 'kill';
  }

  private async inject(kind: FaultKind): Promise<void> {
    const service = this.random.pick(this.system.services);
    const subject = kind === 'postgres' || kind === 'disk' ? 'postgres' : kind === 'broker' ? kind : `${kind === 'connection' || kind === 'clock' ? kind : 'process'} ${service.name}`;
    // Drawn before the look at what is busy, so that the plan does not depend on how fast things heal.
    const act = this.plan(kind, service);
    if (this.busy.has(subject) || act === null) return;
    this.busy.add(subject);
    this.counts[kind]++;
    const healed = act().catch((error: unknown) => this.say(`fault ${subject}: ${String(error)}`)).finally(() => {
      this.busy.delete(subject);
      this.healing.delete(healed);
    });
    this.healing.add(healed);
  }

  private plan(kind: FaultKind, service: Service): (() => Promise<void>) | null {
    const { system, random } = this;
    const forMs = random.whole(200, 3_000);
    const longMs = random.whole(500, 12_000);
    const flavour = random.next();
    switch (kind) {
      case 'kill': return async () => {
        await service.end('SIGKILL');
        await sleep(forMs);
        service.start();
        await service.ready();
      };
      case 'freeze': return async () => {
        service.freeze();
        await sleep(longMs);
        service.thaw();
      };
      case 'connection': return this.connection(service, flavour, forMs, longMs);
      case 'postgres': return () => (flavour < 0.5 ? system.restartPostgres() : system.crashPostgres());
      case 'broker': return system.broker === undefined ? null : async () => {
        await system.broker?.kill();
        await sleep(longMs);
        await system.broker?.resume();
      };
      case 'disk': return system.disk === undefined ? null : () => this.fullDisk(system.disk!, flavour, longMs);
      case 'clock': return async () => {
        await writeFile(service.clockFile, String(Math.round((flavour - 0.5) * 7_200_000)));
        await sleep(longMs);
        await writeFile(service.clockFile, '0');
      };
    }
  }

  /** Without room for tables statements fail; without room for the write-ahead log Postgres panics, and may not come back before there is some. */
  private async fullDisk(disk: Disk, flavour: number, forMs: number): Promise<void> {
    await disk.fill();
    if (flavour < 0.5) await this.system.exhaustWal().catch(() => undefined);
    await sleep(forMs);
    await disk.free();
    await this.system.recoverPostgres();
  }

  private connection({ name }: Service, flavour: number, forMs: number, longMs: number): () => Promise<void> {
    const proxy = this.system.proxies.get(name)!;
    if (flavour < 0.35) return async () => proxy.cut();
    if (flavour < 0.6) return async () => {
      proxy.delay(Math.min(forMs, 800));
      await sleep(longMs);
      proxy.delay(0);
    };
    if (flavour < 0.8) return async () => {
      proxy.refuse(true);
      await sleep(forMs);
      proxy.refuse(false);
    };
    return async () => {
      proxy.stall(true);
      await sleep(longMs);
      proxy.stall(false);
      proxy.cut();
    };
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, ms); });
