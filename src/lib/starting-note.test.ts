import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { StartingNote, startingText } from './starting-note.ts';

it('tells what a daemon is about while it starts, in a folder that may not be there yet', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'kernelet-starting-'));
  const socket = join(folder.path, 'run', 'api.sock');
  {
    await using note = new StartingNote(socket);
    await expect.poll(() => startingText(socket)).toBe('starting');
    note.say('installing');
    await expect.poll(() => startingText(socket)).toBe('installing');
  }
  expect(await startingText(socket)).toBeNull();
});

it('is worth nothing when it is damaged, or its process is gone', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'kernelet-starting-'));
  const socket = join(folder.path, 'api.sock');
  for (const content of ['{"pid":', '{"pid":0,"text":"x"}', '{"pid":2147483647,"text":"x"}']) {
    await writeFile(`${socket}.starting`, content);
    expect(await startingText(socket)).toBeNull();
  }
});
