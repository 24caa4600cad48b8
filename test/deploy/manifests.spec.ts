import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';

const root = join(import.meta.dirname, '../..');
const text = (path: string): string => readFileSync(join(root, path), 'utf8');
interface Compose {
  services: Record<string, { image?: string; command?: string[]; environment?: Record<string, string>; depends_on?: Record<string, { condition: string }>; healthcheck?: { disable?: boolean } }>;
}
const compose = parse(text('docker-compose.yml'), { merge: true }) as Compose;
const folder = 'deploy/kubernetes';
// eslint-disable-next-line @typescript-eslint/no-explicit-any
const manifests = readdirSync(join(root, folder)).filter((name) => name.endsWith('.yaml')).flatMap((name) => parseAllDocuments(text(`${folder}/${name}`)).map((document) => ({ name, value: document.toJS() as any })));
const options = /const options = \{([\s\S]*?)\n\} as const/.exec(text('libs/runtime/src/config.ts'))?.[1] ?? '';
/** Every variable that the configuration knows. */
const variables = new Set([...options.matchAll(/^ {2}(\w+): \{/gm)].map(([, key]) => key!.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()));
/** `dist/apps/allocator/src/main.js` is made from a file that is there. */
const expectProgram = (path: string): void => expect([path, existsSync(join(root, path.replace(/^dist\//, '').replace(/\.js$/, '.ts')))]).toEqual([path, true]);

describe('docker-compose.yml', () => {
  const ours = Object.entries(compose.services).filter(([, { image }]) => image === 'ipledger');

  it('has the two sides, the database, the broker, and what migrates', () => {
    expect(Object.keys(compose.services).sort()).toEqual(['allocator-1', 'allocator-2', 'grafana', 'kafka', 'migrate', 'postgres', 'projector', 'prometheus']);
    expect(ours.map(([name]) => name)).toEqual(['migrate', 'allocator-1', 'allocator-2', 'projector']);
  });

  it.each(ours)('%s runs a program that is there, with variables that it knows', (_, { command, environment }) => {
    expectProgram(command?.[0] ?? '');
    for (const variable of Object.keys(environment ?? {})) expect(variables).toContain(variable);
  });

  it('scrapes every process of ours, and mounts only what is there', () => {
    const { scrape_configs: [job] } = parse(text('deploy/prometheus/prometheus.yml')) as { scrape_configs: { static_configs: { targets: string[] }[] }[] };
    expect(job!.static_configs[0]!.targets).toEqual(ours.map(([name]) => name).filter((name) => name !== 'migrate').map((name) => `${name}:8080`));
    const mounted = ['prometheus', 'grafana'].flatMap((name) => (compose.services[name] as unknown as { volumes: string[] }).volumes).filter((volume) => volume.startsWith('./')).map((volume) => volume.split(':')[0]!);
    for (const folder of mounted) expect([folder, existsSync(join(root, folder))]).toEqual([folder, true]);
  });

  it('starts nothing before what it needs is ready', () => {
    for (const [name, { depends_on: needs, healthcheck }] of Object.entries(compose.services)) {
      expect([name, healthcheck !== undefined]).toEqual([name, true]);
      for (const [needed, { condition }] of Object.entries(needs ?? {})) expect([needed, condition]).toEqual([needed, needed === 'migrate' ? 'service_completed_successfully' : 'service_healthy']);
    }
  });
});

describe('deploy/kubernetes', () => {
  const kustomization = manifests.find(({ value }) => value.kind === 'Kustomization')!.value;
  const workloads = manifests.filter(({ value }) => ['Deployment', 'Job'].includes(value.kind)).map(({ value }) => [value.metadata.name as string, value] as const);

  it('lists every file', () => {
    const files = [...new Set(manifests.map(({ name }) => name))].filter((name) => name !== 'kustomization.yaml');
    expect([...kustomization.resources].sort()).toEqual(files.sort());
  });

  it('has the names that docs/deploy.md tells to type', () => {
    const page = text('docs/deploy.md');
    const [, namespace, kind, name] = /kubectl -n (\S+) delete (\S+) (\S+)`, then apply/.exec(page) ?? [];
    expect([namespace, workloads.some(([of, { kind: is }]) => of === name && (is as string).toLowerCase() === kind)]).toEqual([kustomization.namespace, true]);
    expect(manifests.some(({ value }) => value.kind === 'Namespace' && value.metadata.name === namespace)).toBe(true);
    const secrets = [...page.matchAll(/create secret generic (\S+)/g)].map(([, secret]) => secret);
    expect(secrets).toHaveLength(2);
    for (const secret of secrets) expect(JSON.stringify(workloads)).toContain(`"${secret}"`);
  });

  it('sets variables that the configuration knows', () => {
    for (const literal of kustomization.configMapGenerator[0].literals as string[]) expect(variables).toContain(literal.split('=')[0]);
  });

  it.each(workloads)('%s runs a program that is there, without rights that it does not need', (name, { spec: { template: { spec } } }) => {
    const [container] = spec.containers;
    expectProgram(container.args[0]);
    expect(kustomization.images.map((image: { name: string }) => image.name)).toContain(container.image);
    expect(spec).toMatchObject({ automountServiceAccountToken: false, securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } });
    expect(container.securityContext).toEqual({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
    if (name !== 'migrate') expect([container.livenessProbe.httpGet.path, container.readinessProbe.httpGet.path]).toEqual(['/livez', '/readyz']);
  });
});

describe('Dockerfile', () => {
  it('copies what is there, runs a program that is there, and not as root', () => {
    const lines = text('Dockerfile').split('\n');
    for (const [, sources] of lines.map((line) => /^COPY (?!--from)(.*) \S+$/.exec(line)).filter((match) => match !== null)) {
      for (const source of sources!.split(' ')) expect([source, existsSync(join(root, source))]).toEqual([source, true]);
    }
    expectProgram((JSON.parse(/^CMD (.*)$/m.exec(text('Dockerfile'))?.[1] ?? '[]') as string[])[0] ?? '');
    expect(lines.indexOf('USER node')).toBeGreaterThan(lines.findLastIndex((line) => line.startsWith('FROM')));
  });
});
