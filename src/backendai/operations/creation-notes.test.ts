import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type KernelId, newKernelId, parseSessionId } from '../../lib/ids.ts';
import { silentLogger } from '../../lib/log.ts';
import { StateWrites } from '../../lib/state-writes.ts';
import { JsonStore } from '../../storage/json-store.ts';
import { CreationNotes, creationNote } from './creation-notes.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-creations-'));
});
afterEach(async () => await rm(folder, { recursive: true }));

const session = parseSessionId('11111111-0000-4000-8000-000000000000');
/** Names under which something was told and that are not free yet. */
let names: Set<string>;

/** The notes of the next process. */
async function opened(ended: readonly KernelId[] = []) {
  const told: string[] = [];
  const notes = new CreationNotes({
    notes: await JsonStore.open(folder, creationNote, { writes: new StateWrites(), log: silentLogger }),
    tellFailed: (kernel, of, once) => {
      if (!names.has(once)) told.push(`${kernel} of ${of}`);
      names.add(once);
    },
    freeName: (once) => void names.delete(once),
    hasEnded: (kernel) => ended.includes(kernel),
    log: silentLogger,
  });
  return { notes, told };
}

// @promise creation-cut-off
describe('creations that a process was killed in', () => {
  beforeEach(() => {
    names = new Set();
  });

  it('are told to have failed by the next one, but for those whose kernels tell of themselves', async () => {
    const [cutOff, here, ended, done] = [newKernelId(), newKernelId(), newKernelId(), newKernelId()];
    const before = await opened();
    for (const kernel of [cutOff, here, ended, done]) await before.notes.begin(kernel, session);
    await before.notes.end(done);

    const after = await opened([ended]);
    const own = newKernelId();
    await after.notes.begin(own, session);
    after.notes.tellLeft(new Set([here]));
    expect(after.told).toEqual([`${cutOff} of ${session}`]);
    await expect.poll(() => readdir(folder)).toEqual([`${own}.json`]);
    await expect.poll(() => names.size).toBe(0);
  });

  it('are told once, also when the next process is killed before it could note that', async () => {
    const kernel = newKernelId();
    await (await opened()).notes.begin(kernel, session);
    // The event is in the outbox under its name, and the note is there still.
    names.add(`creation ${kernel}`);
    const after = await opened();
    after.notes.tellLeft(new Set());
    expect(after.told).toEqual([]);
    await expect.poll(() => readdir(folder)).toEqual([]);
  });
});

it('goes on where the disk takes no note', async () => {
  const refuse = async (): Promise<never> => {
    throw new Error('no space left');
  };
  const notes = { all: new Map(), put: refuse, remove: refuse };
  const nothing = { tellFailed: () => {}, freeName: () => {}, hasEnded: () => false, log: silentLogger };
  const made = new CreationNotes({ notes, ...nothing });
  await made.begin(newKernelId(), session);
  await made.end(newKernelId());
});
