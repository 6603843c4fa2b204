/**
 * Which engine has the kernels of a state folder, and whether the one that answers is that one. What an engine says of
 * itself proves little: engines of one machine may share an id, and one that comes back with an empty data folder may keep
 * it. So a mark of ours lies among the engine's data, and the ids of the kernels' own containers prove as much. Pure.
 */
import type { EngineInfo } from '../engine/engine.ts';
import { JsonFormError, nullable, number, object, type Reader, text } from '../lib/json-reader.ts';

/** What is stored of the engine. */
export interface KnownEngine {
  readonly version: 1;
  /** Where it was reached, for messages. */
  readonly address: string;
  readonly identity: string;
  readonly dataRoot: string;
  /** The name of the mark among its data. */
  readonly markName: string;
  /** The text of the mark; null when it took none, and then what it says of itself must do. */
  readonly mark: string | null;
  /** When somebody accepted it in place of another, in milliseconds since the epoch; null = never. */
  readonly acceptedAt: number | null;
}

/** What there is to judge by. */
export interface EngineEvidence {
  readonly known: KnownEngine | null;
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

/** Judges. */
export function judgeEngine({ known, info, mark, hasOurs, hasContainers, atStake }: EngineEvidence): EngineVerdict {
  // An earlier release noted no engine, or the note was lost.
  if (known === null) return hasContainers && !hasOurs ? 'other' : 'new';
  if (hasOurs) return 'same';
  const isSame = known.mark === null ? saysTheSame(known, info) : mark === known.mark;
  if (isSame) return 'same';
  return atStake ? 'other' : 'new';
}

function saysTheSame(known: KnownEngine, info: EngineEvidence['info']): boolean {
  return known.identity === info.identity && known.dataRoot === info.dataRoot;
}

/** Says what is wrong with an engine that is another one, in one sentence for people. */
export function otherEngineText(known: KnownEngine | null, seen: { address: string } & EngineEvidence['info']): string {
  return `${otherness(known, seen)}: no kernel is touched or made until that engine is back, or this one is accepted with: kernelet engine accept`;
}

function otherness(known: KnownEngine | null, seen: { address: string } & EngineEvidence['info']): string {
  if (known === null)
    return `the container engine at ${seen.address} (data in ${seen.dataRoot}) has none of the containers of the kernels of this node, and which engine has them is not recorded`;
  return known.address === seen.address && saysTheSame(known, seen)
    ? `the container engine at ${seen.address} has lost its data in ${seen.dataRoot}, or they lie on a disk that is not mounted`
    : `the container engine at ${seen.address} (data in ${seen.dataRoot}) is not the one that has the kernels of this node (at ${known.address}, data in ${known.dataRoot})`;
}

const version: Reader<1> = (value, place) => {
  if (value !== 1) throw new JsonFormError(place, '1, the only version this program knows');
  return 1;
};

const knownEngine: Reader<KnownEngine> = object((field) => ({
  version: field('version', version),
  address: field('address', text),
  identity: field('identity', text),
  dataRoot: field('dataRoot', text),
  markName: field('markName', text),
  mark: field('mark', nullable(text)),
  acceptedAt: field('acceptedAt', nullable(number)),
}));

/** Reads the stored text. Throws JsonFormError, SyntaxError. */
export const decodeKnownEngine = (json: string): KnownEngine => knownEngine(JSON.parse(json), 'engine');

/** The text that is stored. */
export const encodeKnownEngine = (known: KnownEngine): string => `${JSON.stringify(known)}\n`;
