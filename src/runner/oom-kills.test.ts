import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { OomNotes, oomKills } from './oom-kills.ts';

it('kills for lack of memory are read from either version of cgroups, and none are assumed where there is no counter', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kernelet-oom-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const [first, second, old] = ['events', 'control', 'old'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(first, 'low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n');
  await writeFile(second, 'oom_kill_disable 0\nunder_oom 0\noom_kill 7\n');
  await writeFile(old, 'oom_kill_disable 0\nunder_oom 1\n');
  expect(oomKills([first, second])).toBe(2);
  expect(oomKills([join(folder, 'none'), second])).toBe(7);
  expect(oomKills([old])).toBe(0);
  expect(oomKills([])).toBe(0);
});

// @promise limits-told
it('the log says once what ran out of memory, and what it came to', () => {
  let kills = 2;
  const lines: string[] = [];
  const notes = new OomNotes({ line: (level, text) => void lines.push(`${level} ${text}`) }, () => kills);
  notes.ended('python3', 0);
  kills += 1;
  notes.ended('python3', -9);
  notes.ended('sh', 0);
  kills += 2;
  notes.ended('make', 2);
  expect(lines).toEqual([
    'WARN out of memory: 1 process was killed; python3 was ended by signal 9',
    'WARN out of memory: 2 processes were killed; make ended with status 2',
  ]);
});
