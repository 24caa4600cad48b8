// npm run generate: writes what is generated under deploy/. A test compares it with what is committed.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { artifacts } from './artifacts.js';

const deploy = fileURLToPath(new URL('..', import.meta.url));
for (const [name, text] of Object.entries(artifacts())) {
  mkdirSync(path.dirname(path.join(deploy, name)), { recursive: true });
  writeFileSync(path.join(deploy, name), text);
  console.log(`deploy/${name}`);
}
