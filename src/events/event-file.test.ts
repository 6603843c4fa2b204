import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { appendCalls } from '../lib/appended-file.ts';
import { parseKernelId, parseSessionId } from '../lib/ids.ts';
import { StateWrites } from '../lib/state-writes.ts';
import { EventFile, parseEvents } from './event-file.ts';
import type { NumberedKernelEvent } from './kernel-event.ts';

const id = '00000000-0000-4000-8000-000000000001';
const numbered = (sequence: number): NumberedKernelEvent => ({
  ...{ sequence, at: 5 },
  event: { type: 'kernel-preparing', kernelId: parseKernelId(id), sessionId: parseSessionId(id) },
});

const writes = new StateWrites();
/** What the log knows of when a file is full. */
let events: NumberedKernelEvent[];
const known = (): readonly NumberedKernelEvent[] => events;
const onUnsynced = (error: unknown): never => {
  throw error;
};
/** Writes an event that the log knows of. */
function write(file: EventFile, sequence: number): Promise<void> {
  events.push(numbered(sequence));
  return file.append(numbered(sequence), { synced: false });
}

let folder: string;
beforeEach(() => {
  events = [];
  folder = mkdtempSync(join(tmpdir(), 'event-file-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('EventFile', () => {
  it('makes its folder and file for its owner alone, and reads back what it wrote', async () => {
    const inner = join(folder, 'a', 'b');
    {
      await using file = new EventFile(inner, { maxBytes: 1000, writes, known, onUnsynced });
      expect(file.loaded).toEqual([]);
      await write(file, 1);
    }
    expect(statSync(inner).mode & 0o777).toBe(0o700);
    expect(statSync(join(inner, 'events.jsonl')).mode & 0o777).toBe(0o600);
    await using file = new EventFile(inner, { maxBytes: 1000, writes, known, onUnsynced });
    expect(file.loaded).toEqual([numbered(1)]);
  });

  it('begins a line of its own after one that a crash has cut', async () => {
    const path = join(folder, 'events.jsonl');
    writeFileSync(path, `${JSON.stringify(numbered(1))}\n{"sequence":2,"a`);
    {
      await using file = new EventFile(folder, { maxBytes: 1000, writes, known, onUnsynced });
      await write(file, 2);
    }
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(4);
    await using file = new EventFile(folder, { maxBytes: 1000, writes, known, onUnsynced });
    expect(file.loaded).toEqual([numbered(1), numbered(2)]);
  });

  it('reads the file that was set aside, which holds the newest that fit, before the current one', async () => {
    const maxBytes = 4 * `${JSON.stringify(numbered(1))}\n`.length;
    {
      await using file = new EventFile(folder, { maxBytes, writes, known, onUnsynced });
      for (let sequence = 1; sequence <= 6; sequence += 1) await write(file, sequence);
    }
    const numbersIn = (name: string): readonly number[] =>
      parseEvents(readFileSync(join(folder, name), 'utf8')).map(({ sequence }) => sequence);
    expect(numbersIn('events.older.jsonl')).toEqual([2, 3, 4, 5]);
    expect(numbersIn('events.jsonl')).toEqual([5, 6]);
    await using file = new EventFile(folder, { maxBytes, writes, known, onUnsynced });
    expect(file.loaded.map(({ sequence }) => sequence)).toEqual([2, 3, 4, 5, 6]);
  });
});

describe('a full file', () => {
  it('stays in its place while no other can be opened, and is set aside when one can', async () => {
    let mayOpen = false;
    const open = async (path: string): Promise<number> => {
      if (!mayOpen) throw new Error('EMFILE');
      return await appendCalls.open(path);
    };
    const current = join(folder, 'events.jsonl');
    await using file = new EventFile(folder, {
      maxBytes: 100,
      writes,
      known,
      onUnsynced,
      calls: { ...appendCalls, open },
    });
    await write(file, 1);
    await expect(write(file, 2)).rejects.toThrow('EMFILE');
    expect(parseEvents(readFileSync(current, 'utf8'))).toEqual([numbered(1)]);
    mayOpen = true;
    await write(file, 3);
    expect(parseEvents(readFileSync(current, 'utf8'))).toEqual([numbered(3)]);
    expect(readdirSync(folder).sort()).toEqual(['events.jsonl', 'events.older.jsonl']);
  });

  it('takes the place of the older one as it is when there is no room to choose what stays', async () => {
    const noRoom = () => {
      throw new Error('ENOSPC');
    };
    {
      await using file = new EventFile(folder, { maxBytes: 300, writes, known: noRoom, onUnsynced });
      for (let sequence = 1; sequence <= 3; sequence += 1) void write(file, sequence);
    }
    await using file = new EventFile(folder, { maxBytes: 300, writes, known, onUnsynced });
    expect(file.loaded.map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  });

  it('may be left behind by a crash when its events stand in the older one already', async () => {
    writeFileSync(
      join(folder, 'events.older.jsonl'),
      [1, 2, 3].map((n) => `${JSON.stringify(numbered(n))}\n`).join(''),
    );
    writeFileSync(join(folder, 'events.jsonl'), [2, 3, 4].map((n) => `${JSON.stringify(numbered(n))}\n`).join(''));
    await using file = new EventFile(folder, { maxBytes: 300, writes, known, onUnsynced });
    expect(file.loaded.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
  });
});

describe('parseEvents', () => {
  it('takes whole lines and leaves out any others, whatever they hold', () => {
    const line = fc.oneof(fc.string(), fc.json(), fc.constantFrom('{"sequence":1e99,"at":1,"event":{"type":"x"}}'));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 10 }), (lines) => {
        const text = [...lines, JSON.stringify(numbered(2 ** 40))].join('\n');
        expect(parseEvents(text).at(-1)).toEqual(numbered(2 ** 40));
      }),
    );
  });
});
