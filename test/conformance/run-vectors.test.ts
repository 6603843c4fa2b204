import { spawnSync } from 'node:child_process';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { kinds } from './kinds/index.ts';

const main = path.resolve(import.meta.dirname, 'main.ts');
const good = { format: 1, cases: [{ id: 'x', kind: 'distribute', rows: [{ items: 1, groups: 1, expect: [1] }] }] };

/** Runs the program over a folder with these files. */
function conformance(files: Readonly<Record<string, string>>): { status: number | null; lines: readonly string[] } {
  using folder = mkdtempDisposableSync(path.join(tmpdir(), 'kernelet-vectors-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder.path, name), text);
  const done = spawnSync(process.execPath, [main, '--vectors', folder.path], { encoding: 'utf8' });
  return { status: done.status, lines: done.stdout.trimEnd().replaceAll(`${folder.path}/`, '').split('\n') };
}

describe('the vector runner', () => {
  it('has one line for each file and the count of cases at the end', () => {
    const files = { 'b.json': JSON.stringify(good), 'a.json': JSON.stringify(good), 'README.md': 'not a vector' };
    expect(conformance(files)).toEqual({
      status: 0,
      lines: [
        'ok     a.json (resources): 1 passed, 0 failed',
        'ok     b.json (resources): 1 passed, 0 failed',
        '2 passed, 0 failed',
      ],
    });
  });

  it('fails for an unknown kind, and still runs the others', () => {
    const { status, lines } = conformance({ 'a.json': '{"strange":true}', 'b.json': JSON.stringify(good) });
    expect(status).toBe(1);
    expect(lines[0]).toBe('FAILED a.json (unknown): 0 passed, 1 failed');
    expect(lines.at(-1)).toBe('1 passed, 1 failed');
  });

  it('fails for a file that is not JSON, and for a case that differs', () => {
    const bad = JSON.stringify(good).replace('"expect":[1]', '"expect":[2]');
    const { status, lines } = conformance({ 'a.json': '{', 'b.json': bad });
    expect(status).toBe(1);
    expect(lines.at(-1)).toBe('0 passed, 2 failed');
    expect(
      lines.some((line) => line.includes('x: 24.09: {"items":1,"groups":1,"expect":[2]}: it is [1], not [2]')),
    ).toBe(true);
  });

  it('fails when there is no case at all, also when there are files without entries', () => {
    for (const files of [{}, { 'a.json': '[]', 'b.json': '{"format":1,"cases":[]}' }]) {
      const { status, lines } = conformance(files);
      expect(status).toBe(1);
      expect(lines.at(-1)).toBe('0 passed, 0 failed');
    }
  });

  it('knows each kind by another name', () => {
    expect(new Set(kinds.map(({ name }) => name)).size).toBe(kinds.length);
  });
});
