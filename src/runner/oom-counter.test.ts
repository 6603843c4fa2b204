import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { oomKills } from './oom-counter.ts';

it('reads the counter of either version, and blames memory for nothing where there is none', async () => {
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
