import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { kinds } from './kinds/index.ts';
import { runFile, vectorFiles } from './run-vectors.ts';

const vectors = path.resolve(import.meta.dirname, '..', 'vectors');
/** How many cases of each kind are vendored. */
const cases: Readonly<Record<string, number>> = {
  'Redis keys': 4,
  'background tasks': 2,
  'captured Redis keys': 12,
  'captured etcd': 1,
  'captured exchanges': 124,
  'captured handshakes and cancellations': 8,
  'captured stream entries': 101,
  'container log': 1,
  etcd: 10,
  events: 62,
  'extension types': 68,
  'manager traffic': 1185,
  resources: 414,
  'rpc CURVE': 6,
  'rpc framing': 14,
  'rpc malformed': 27,
  'rpc methods': 61,
  'rpc serialiser': 122,
  statistics: 3,
};

// @promise same-bytes
it('passes every case of every vendored file, and has cases of each kind', async () => {
  const outcomes = await Promise.all((await vectorFiles(vectors)).map((file) => runFile(file)));
  expect(outcomes.flatMap(({ file, failed }) => failed.map((result) => ({ file, ...result })))).toEqual([]);
  const counts = Object.fromEntries(kinds.map(({ name }) => [name, 0]));
  for (const { kind, passed } of outcomes) counts[kind] = (counts[kind] ?? 0) + passed;
  expect(counts).toEqual(cases);
});

it('takes no vendored file for two kinds at once', async () => {
  for (const file of await vectorFiles(vectors)) {
    const document: unknown = JSON.parse(await readFile(file, 'utf8'));
    expect(kinds.filter((kind) => kind.recognises(document)).map(({ name }) => `${file}: ${name}`)).toHaveLength(1);
  }
});
