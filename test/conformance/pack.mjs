// node test/conformance/pack.mjs FOLDER: makes the compressed copies in recordings/ from *.jsonl, clusters.json and
// nondeterministic.json of a folder of recordings (format: README.md).
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';

const from = process.argv[2];
if (!from) throw new Error('name the folder with the recordings');
const to = join(import.meta.dirname, 'recordings');

// A number that JavaScript would write otherwise (80.0, 1e+20) is kept as "$number:80.0", so that a request is sent as
// it was recorded: the server must see the same digits.
const stringOrNumber = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const keepDigits = (token) => (token[0] === '"' || String(Number(token)) === token ? token : `"$number:${token}"`);

for (const name of readdirSync(from).filter((file) => /^[a-z]+\.jsonl$/.test(file))) {
  const text = Buffer.from(readFileSync(join(from, name), 'utf8').replace(stringOrNumber, keepDigits));
  const packed = brotliCompressSync(text, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS, // scenarios repeat each other from far back
      [constants.BROTLI_PARAM_SIZE_HINT]: text.length,
    },
  });
  writeFileSync(join(to, `${name}.br`), packed);
  console.log(name, text.length, '->', packed.length);
}
for (const name of ['clusters.json', 'nondeterministic.json']) {
  writeFileSync(join(to, name), JSON.stringify(JSON.parse(readFileSync(join(from, name), 'utf8')), null, 1) + '\n');
}
