/** What a kernel writes down of itself: the log of batches in the home, and why its container's log says that programs ended. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { KernelId } from '../../src/lib/ids.ts';
import { taskLogPath } from '../../src/runner/task-log.ts';
import { RunnerSession } from '../support/runner-session.ts';

// @promise task-log
it('batches and programs are in the log of the user’s folder, as far as it is there', async () => {
  const kernelId = '01234567-89ab-4cde-8f01-23456789abcd' as KernelId;
  await using kernel = await RunnerSession.start('shell', 'kernelet/base', { config: { taskLog: true, kernelId } });
  const batch = {
    mode: 'batch',
    clean: null,
    build: 'echo built',
    exec: 'echo ran; echo wrong >&2',
    timeoutMs: null,
  } as const;
  await kernel.execute(batch);
  await kernel.shell('mkdir .logs');
  await kernel.execute(batch);
  const path = join(kernel.container.home, taskLogPath('', kernelId));
  await expect.poll(() => readFile(path, 'utf8').catch(() => '')).toMatch(/^built\n(ran\nwrong|wrong\nran)\n$/);
});

// @promise limits-told
it('a program that runs out of memory below another one is told of in the container’s log', async () => {
  await using kernel = await RunnerSession.start('shell', 'kernelet/base');
  expect((await kernel.shell('head -c 700m /dev/zero | tail >/dev/null; echo "$?"')).stdout).toBe('137\n');
  await expect
    .poll(() => kernel.container.logs())
    .toMatch(/kernelet-runner: \[WARN\] out of memory: 1 process was killed; \S+ ended with status 0\n/);
});
