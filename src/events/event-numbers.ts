/**
 * From which number on events are numbered after a start. Readers get events before they are synced, and ask later for what comes
 * after the last that they got: a number that a crash of the machine took must not be that of another event. So the numbers
 * go on behind all that may have been lost when the machine was started since, which a note tells, with the number to go on from.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { currentBootId } from '../lib/boot-id.ts';
import { object, readOrNull, text, whole } from '../lib/json-reader.ts';

interface Note {
  /** The start of the machine that it was written in. */
  readonly boot: string;
  /** The first number that was given in it, at the least. */
  readonly from: number;
}

const noteReader = object<Note>((field) => ({ boot: field('boot', text), from: field('from', whole) }));

/**
 * The number of the next event, in a folder whose last one is `last`; of which the machine may have lost `mayBeLost` events at
 * most. `unnoted` is told when that cannot be noted: after another start of the machine numbers may be given twice then.
 */
export async function nextNumber(
  folder: string,
  last: number,
  mayBeLost: number,
  unnoted: (error: unknown) => void,
): Promise<number> {
  const file = join(folder, 'numbers.json');
  const boot = await currentBootId();
  const note = readOrNull(noteReader, await readFile(file, 'utf8').catch(() => ''));
  const next = Math.max(last + 1, note?.from ?? 1);
  if (boot === null || note?.boot === boot) return next;
  const from = note ? next + mayBeLost : next;
  await writeFileAtomic(file, JSON.stringify({ boot, from } satisfies Note)).catch(unnoted);
  return from;
}
