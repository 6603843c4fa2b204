import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import { measurer } from './folder-size.ts';

it('takes a deep folder for as large as what it has seen of it, and gives no part of it up', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kernelet-size-'));
  try {
    await mkdir(join(folder, 'x/'.repeat(60)), { recursive: true });
    const size = await measurer(systemClock)(folder, new AbortController().signal);
    expect(size).toEqual({ bytes: 48 * 4096, complete: true });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
