import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { openSync, closeSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { freePort } from '../free-port.js';
import { fetchJars, findJava } from './jars.js';

const startMsMax = 60_000;
/** For a test: a small heap, and no second compiler, which would only ever warm up. */
const smallJvm = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:-UsePerfData', '-XX:TieredStopAtLevel=1'];
const fastJvm = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:-UsePerfData'];

/** A single broker of our own, from the jars: it can be killed and started again on its data. Ends with this process. */
export class Broker {
  private child: ChildProcess | undefined;
  private pid = 0;

  private constructor(private readonly java: string, private readonly jars: string, private readonly folder: string,
    private readonly clusterId: string, readonly address: string, private readonly jvm: readonly string[]) {}

  /** Resolves when it answers. `forLoad`: tuned for a benchmark instead of a quick start. @throws NoBroker */
  static async start({ forLoad = false } = {}): Promise<Broker> {
    const [java, jars] = [await findJava(), await fetchJars()];
    const folder = await mkdtemp(path.join(os.tmpdir(), 'ipledger-kafka-'));
    const [port, controllerPort] = [await freePort(), await freePort()];
    // An id that starts with "-" reads as a flag.
    const clusterId = `A${randomBytes(16).toString('base64url').slice(1)}`;
    const broker = new Broker(java, jars, folder, clusterId, `127.0.0.1:${port}`, forLoad ? fastJvm : smallJvm);
    try {
      await writeFile(broker.propertiesFile, properties(folder, port, controllerPort));
      await promisify(execFile)(java, ['-Xmx128m', ...smallJvm.slice(1), '-cp', `${jars}/*`, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', broker.propertiesFile]);
      await broker.resume();
      return broker;
    } catch (error) {
      await broker.stop();
      throw error;
    }
  }

  /** Starts it again on its data, after `kill`. Its old registration must expire first, which takes some seconds. */
  async resume(): Promise<void> {
    await mkdir(path.join(this.folder, 'data'), { recursive: true });
    const output = openSync(path.join(this.folder, 'output.log'), 'a');
    const logging = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', `-Dorg.slf4j.simpleLogger.logFile=${this.folder}/kafka.log`];
    this.child = spawn('/bin/sh', ['-c', watcherScript, 'sh', this.java, ...this.jvm, ...logging, '-cp', `${this.jars}/*`, 'kafka.Kafka', this.propertiesFile],
      { stdio: ['pipe', 'pipe', output] });
    closeSync(output);
    const [line] = await once(this.child.stdout!, 'data') as [Buffer];
    this.pid = Number(line.toString());
    await this.ready();
  }

  /** `kill -9`, and gone. */
  async kill(): Promise<void> {
    const child = this.child;
    if (child === undefined || child.exitCode !== null) return;
    const gone = once(child, 'exit');
    process.kill(this.pid, 'SIGKILL');
    await gone;
  }

  /** Kills it, since nobody needs what it holds, and removes its data. */
  async stop(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  private get propertiesFile(): string {
    return path.join(this.folder, 'server.properties');
  }

  /** It must be ours that answers: on a port that was taken meanwhile another broker would. */
  private async ready(): Promise<void> {
    const kafka = new Kafka({ brokers: [this.address], logLevel: logLevel.NOTHING, retry: { retries: 0 } });
    for (const deadline = Date.now() + startMsMax; ;) {
      if (this.child?.exitCode !== null) throw new Error(`the broker ended at start: ${this.lastWords()}`);
      const admin = kafka.admin();
      try {
        await admin.connect();
        if ((await admin.describeCluster()).clusterId === this.clusterId) return;
      } catch (error) {
        if (Date.now() > deadline) throw new Error(`the broker does not answer: ${this.lastWords()}`, { cause: error });
      } finally {
        await admin.disconnect();
      }
      await new Promise((resolve) => { setTimeout(resolve, 100); });
    }
  }

  private lastWords(): string {
    return ['kafka.log', 'output.log'].map((name) => {
      try {
        return readFileSync(path.join(this.folder, name), 'utf8').slice(-2_000);
      } catch {
        return '';
      }
    }).join('\n');
  }
}

const properties = (folder: string, port: number, controllerPort: number): string => `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=${folder}/data
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=3000
log.cleaner.dedupe.buffer.size=16777216
controlled.shutdown.enable=false
`;

/** Runs its arguments, says their pid, and kills them when standard input ends: however Node ends, the broker ends too. */
const watcherScript = `
exec 3<&0
"$@" </dev/null >&2 3<&- &
broker=$!
echo $broker
( read -r ended <&3; kill -KILL $broker ) >/dev/null 2>&1 &
watch=$!
exec >/dev/null 3<&-
wait $broker
code=$?
kill -KILL $watch 2>/dev/null
exit $code
`;
