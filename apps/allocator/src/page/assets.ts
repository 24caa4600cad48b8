import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Asset {
  contentType: string;
  body: Buffer;
  etag: string;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.mjs': 'text/javascript; charset=utf-8',
};
const folder = fileURLToPath(new URL('./assets', import.meta.url));

/** Served from the packages as they are: no CDN, and no bundler between the source and the browser. */
const libraries = { 'preact.mjs': 'preact', 'hooks.mjs': 'preact/hooks', 'htm.mjs': 'htm' };

/** Every file of the page by name, read once: what is not here cannot be asked for. */
export const readAssets = (): Map<string, Asset> => new Map([
  ...readdirSync(folder).map((name) => [name, assetOf(name, readFileSync(path.join(folder, name)))] as const),
  ...Object.entries(libraries).map(([name, specifier]) => [name, assetOf(name, readFileSync(fileURLToPath(import.meta.resolve(specifier))))] as const),
]);

const assetOf = (name: string, body: Buffer): Asset => ({
  contentType: types[path.extname(name)] ?? 'application/octet-stream',
  body,
  etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
});

/** The one inline script: the map of names to files. The content policy knows it by its hash. */
export const importMapOf = (page: Buffer): string => {
  const inline = /<script type="importmap">(.*?)<\/script>/s.exec(page.toString('utf8'))?.[1];
  if (inline === undefined) throw new Error('the page has lost its import map');
  return inline;
};
