import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readDefinitions } from './definition-files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kernelet-definitions-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it('reads what can be used, and tells of the rest without its content', () => {
  const good = JSON.stringify({ command: ['true'] });
  writeFileSync(join(folder, 'good.json'), good);
  writeFileSync(join(folder, 'other.txt'), good);
  writeFileSync(join(folder, 'bad.json'), 'root:x:0:0');
  writeFileSync(join(folder, 'huge.json'), JSON.stringify({ command: ['x'.repeat(300 * 1024)] }));
  symlinkSync('good.json', join(folder, 'linked.json'));
  symlinkSync('/dev/zero', join(folder, 'endless.json'));
  symlinkSync('/nowhere', join(folder, 'lost.json'));
  execFileSync('mkfifo', [join(folder, 'waits.json')]);
  const problems: string[] = [];
  const found = readDefinitions(folder, (text) => problems.push(text));
  expect([...found.keys()]).toEqual(['good', 'linked']);
  expect(problems.map((text) => /"(\w+)\.json"/.exec(text)?.[1])).toEqual(['bad', 'endless', 'huge', 'lost', 'waits']);
  expect(problems.join()).not.toContain('root:x');
});

it('finds none where there is no folder', () => {
  expect(readDefinitions('/nowhere', () => expect.unreachable()).size).toBe(0);
});
