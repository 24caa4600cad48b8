const writers = 8;

/** Clients that create a Service and read it again, one after the other, and write down every answer that is not what they asked for. */
export class SteadyLoad {
  readonly failures: string[] = [];
  /** Name -> address. */
  readonly held = new Map<string, string>();
  private stopping = false;
  private readonly running: Promise<unknown>;

  /** @param cluster one that exists behind `url` */
  constructor(private readonly url: string, private readonly cluster: string) {
    this.running = Promise.all(Array.from({ length: writers }, (_, writer) => this.write(writer)));
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.running;
  }

  private async write(writer: number): Promise<void> {
    const services = `${this.url}/clusters/${this.cluster}/api/v1/namespaces/default/services`;
    for (let i = 0; !this.stopping; i++) {
      const name = `s${writer}-${i}`;
      const body = JSON.stringify({ metadata: { name }, spec: { ports: [{ port: 80 }] } });
      const created = await fetch(services, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      const text = await created.text();
      if (created.status === 201) this.held.set(name, (JSON.parse(text) as { spec: { clusterIP: string } }).spec.clusterIP);
      else this.failures.push(`${created.status} ${text}`);
      const read = await fetch(`${services}/${name}`);
      const found = await read.text();
      if (read.status !== 200) this.failures.push(`GET ${read.status} ${found}`);
    }
  }
}
