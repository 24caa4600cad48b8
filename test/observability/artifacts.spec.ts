import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { artifacts } from '../../deploy/generate/artifacts.js';
import { alerts, runbookLink } from '../../deploy/generate/rules.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (name: string): string => readFileSync(path.join(root, name), 'utf8');

it('what is committed is what `npm run generate` makes', () => {
  const committed = Object.fromEntries(Object.keys(artifacts()).map((name) => [name, read(`deploy/${name}`)]));
  expect(committed).toEqual(artifacts());
});

it('no generated file is left over', () => {
  const found = readdirSync(path.join(root, 'deploy'), { recursive: true, encoding: 'utf8' }).filter((name) => /\.(ya?ml|json)$/.test(name))
    .filter((name) => read(`deploy/${name}`).includes('npm run generate'));
  expect(found.filter((name) => !(name in artifacts()))).toEqual([]);
});

it('every alert has a section in the runbook, and the runbook has no other', () => {
  const sections = [...read('docs/runbook.md').matchAll(/^## (Ipledger\w+)$/gm)].map(([, name]) => name);
  expect(sections.sort()).toEqual(alerts.map(({ name }) => name).sort());
  expect(runbookLink({ name: 'IpledgerDown' })).toBe('docs/runbook.md#ipledgerdown');
});

it('Grafana gets every alert of the table, with names and uids that it takes', () => {
  const { groups } = parse(artifacts()['grafana/provisioning/alerting/ipledger.yaml']!) as { groups: { rules: { title: string; uid: string; condition: string; data: { refId: string }[] }[] }[] };
  const rules = groups.flatMap((group) => group.rules);
  expect(rules.map(({ title }) => title)).toEqual(alerts.map(({ name }) => name));
  // Grafana: letters, digits, - and _, at most 40 characters, unique.
  for (const { uid } of rules) expect(uid).toMatch(/^[a-z0-9-]{1,40}$/);
  expect(new Set(rules.map(({ uid }) => uid)).size).toBe(rules.length);
  for (const { condition, data } of rules) expect(data.map(({ refId }) => refId)).toContain(condition);
  expect(JSON.stringify(rules)).not.toMatch(/\$value\b/);
});
