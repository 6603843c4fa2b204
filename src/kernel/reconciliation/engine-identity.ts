/**
 * Which engine has the kernels of a state folder, and whether the one that answers is that one. What an engine says of
 * itself proves little: engines of one machine may share an id, and one that comes back with an empty data folder may keep
 * it. So a mark of ours lies among the engine's data, and the ids of the kernels' own containers prove as much. It is stored in
 * a file of the state folder.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { EngineInfo } from '../../engine/engine.ts';
import { removeFileDurably, writeFileAtomic } from '../../lib/atomic-file.ts';
import { KerneletError } from '../../lib/errors.ts';
import { fields, JsonFormError, nullable, number, type Reader, type TypeOf, text } from '../../lib/json-reader.ts';
import { isSystemError, systemErrorCode } from '../../lib/system-error.ts';

const version: Reader<1> = (value, place) => {
  if (value !== 1) throw new JsonFormError(place, '1, the only version this program knows');
  return 1;
};

const engineIdentity = fields({
  version,
  /** Where it was reached, for messages. */
  address: text,
  /** The id that it calls itself by, which engines of one machine may share. */
  identity: text,
  dataRoot: text,
  /** The name of the mark among its data. */
  markName: text,
  /** The text of the mark; null when it took none, and then what it says of itself must do. */
  mark: nullable(text),
  /** When somebody accepted it in place of another, in milliseconds since the epoch; null = never. */
  acceptedAt: nullable(number),
});
/** What is stored of the engine that has the kernels. */
export type EngineIdentity = TypeOf<typeof engineIdentity>;

/** What there is to judge by. */
export interface EngineEvidence {
  readonly known: EngineIdentity | null;
  readonly info: Pick<EngineInfo, 'identity' | 'dataRoot'>;
  /** The mark that lies among its data. */
  readonly mark: string | null;
  /** Whether it lists the container of a kernel that is recorded. */
  readonly hasOurs: boolean;
  /** Whether a kernel is recorded that has a container, and is not being removed. */
  readonly hasContainers: boolean;
  /** Whether there are kernels, or files of some, that could be lost. */
  readonly atStake: boolean;
}

/** `new`: it is to become the known one, since nothing speaks against it. */
export type EngineVerdict = 'same' | 'new' | 'other';

/** Whether the engine that answers is the known one, by the strongest evidence first: its containers, its mark, its word. Pure. */
export function judgeEngine({ known, info, mark, hasOurs, hasContainers, atStake }: EngineEvidence): EngineVerdict {
  // An earlier release noted no engine, or the note was lost.
  if (known === null) return hasContainers && !hasOurs ? 'other' : 'new';
  if (hasOurs) return 'same';
  const isSame = known.mark === null ? saysTheSame(known, info) : mark === known.mark;
  if (isSame) return 'same';
  return atStake ? 'other' : 'new';
}

function saysTheSame(known: EngineIdentity, info: EngineEvidence['info']): boolean {
  return known.identity === info.identity && known.dataRoot === info.dataRoot;
}

/** Says what is wrong with an engine that is another one, in one sentence for people. */
export function otherEngineText(
  known: EngineIdentity | null,
  seen: { address: string } & EngineEvidence['info'],
): string {
  return `${otherness(known, seen)}: no kernel is touched or made until that engine is back, or this one is accepted with: kernelet engine accept`;
}

function otherness(known: EngineIdentity | null, seen: { address: string } & EngineEvidence['info']): string {
  if (known === null)
    return `the container engine at ${seen.address} (data in ${seen.dataRoot}) has none of the containers of the kernels of this node, and which engine has them is not recorded`;
  return known.address === seen.address && saysTheSame(known, seen)
    ? `the container engine at ${seen.address} has lost its data in ${seen.dataRoot}, or they lie on a disk that is not mounted`
    : `the container engine at ${seen.address} (data in ${seen.dataRoot}) is not the one that has the kernels of this node (at ${known.address}, data in ${known.dataRoot})`;
}

/** Reads the stored text. Throws JsonFormError, SyntaxError. */
export const decodeEngineIdentity = (json: string): EngineIdentity => engineIdentity(JSON.parse(json), 'engine');

/** The text that is stored. */
export const encodeEngineIdentity = (known: EngineIdentity): string => `${JSON.stringify(known)}\n`;

/** The file, in a state folder. */
export const engineIdentityFile = (stateDir: string): string => join(stateDir, 'engine.json');

/** Reads it; null when there is none. Throws STATE_UNUSABLE. */
export async function readEngineIdentity(file: string): Promise<EngineIdentity | null> {
  try {
    return decodeEngineIdentity(await readFile(file, 'utf8'));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return null;
    const why = systemErrorCode(error) ?? 'it is damaged';
    const text = `${file}, which says which engine has the kernels, cannot be read (${why}): put it back, or remove it: an engine that has containers of the kernels is known again by them`;
    throw new KerneletError('STATE_UNUSABLE', text, { cause: error, context: { path: file } });
  }
}

/** Replaces the file, in one step and synced. Throws STATE_UNUSABLE. */
export async function writeEngineIdentity(file: string, known: EngineIdentity): Promise<void> {
  await writeFileAtomic(file, encodeEngineIdentity(known));
}

/** Removes it; an absent one is success. Throws STATE_UNUSABLE. */
export async function removeEngineIdentity(file: string): Promise<void> {
  await removeFileDurably(file);
}
