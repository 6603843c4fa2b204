import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runFile, vectorFiles } from './run-vectors.ts';

const vectors = path.resolve(import.meta.dirname, '..', 'vectors');
/** Vendored folders whose kinds are all known, with their number of cases. */
const folders: readonly (readonly [string, number])[] = [['resources', 414]];

describe.each(folders)('the vectors of %s', (folder, count) => {
  it('all pass', async () => {
    const outcomes = await Promise.all((await vectorFiles(path.join(vectors, folder))).map((file) => runFile(file)));
    expect(outcomes.flatMap(({ file, failed }) => failed.map((result) => ({ file, ...result })))).toEqual([]);
    expect(outcomes.reduce((sum, { passed }) => sum + passed, 0)).toBe(count);
  });
});
