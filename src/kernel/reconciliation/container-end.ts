/** Why a container ended, in words, from what the engine says of it and from the end of its log. */
import type { ContainerDetail, ContainerState, Engine } from '../../engine/engine.ts';
import { withDeadline } from '../../lib/deadline.ts';
import type { ContainerId } from '../../lib/ids.ts';
import { beforeOutput } from '../../lib/redaction.ts';
import { type ContainerEndReason, fallReasons } from '../record.ts';
import type { ContainerDeath, ContainerObservation } from '../state-machine.ts';

/** What is known of the ground that containers stand on, in milliseconds since the epoch. */
export interface Ground {
  /** When the machine was started, if that was since kernels were taken over last; null = it was not, or that is unknown. */
  readonly bootedAt: number | null;
  /** Until when engine and machine are known to have run: what ended before was not ended by theirs; null = unknown. */
  readonly ranUntil: number | null;
  /** What is done about kernels whose containers ended with either. */
  readonly onEngineRestart: 'restart' | 'end';
}

const killedStatus = 137;
const maxLogBytes = 4096;
const logDeadlineMs = 2_000;

/** Reads the end of a container's log, at most 4 KiB as text. Empty when it cannot be had in time. */
export async function logTail(engine: Engine, id: ContainerId, signal?: AbortSignal): Promise<string> {
  try {
    const options = { what: "reading a container's log", timeoutMs: logDeadlineMs, signal };
    return await withDeadline(options, async (deadline) => {
      let tail = Buffer.alloc(0);
      for await (const { data } of engine.containerLogs(id, { follow: false, tailLines: 50 }, deadline.signal)) {
        tail = Buffer.concat([tail, data]).subarray(-maxLogBytes);
      }
      return printable(tail.toString('utf8'));
    });
  } catch {
    return '';
  }
}

/** A tenant wrote it: nothing that steers a terminal is kept. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '').trim();
}

/** How containers end with their engine or machine: the runner ends well when it is asked to, and is killed otherwise. */
const statusesOfFall: ReadonlySet<number> = new Set([0, 137, 143, 255]);

/** How far apart an engine that ends, or begins anew, may end its containers: each gets some seconds. */
const fallMs = 30_000;

/** What an engine says of a container's end. */
type EndDetail = Pick<ContainerDetail, 'exitCode' | 'outOfMemory' | 'startedAt' | 'finishedAt'>;

/** Until when engine and machine have run for sure, by a container that outlived this one's end; null = none did. Pure. */
export function outlivedUntil(
  { finishedAt }: Pick<EndDetail, 'finishedAt'>,
  others: readonly Pick<EndDetail, 'startedAt' | 'finishedAt'>[],
): number | null {
  const end = Date.parse(finishedAt);
  const ends = others
    .filter((one) => Date.parse(one.startedAt) < end)
    .map((one) => Date.parse(one.finishedAt) - fallMs);
  const last = Math.max(...ends);
  return last > end ? last : null;
}

/** What ended a container; null = itself or its engine, by when that was started. */
function reasonWithoutStart(
  { exitCode, outOfMemory, startedAt, finishedAt }: EndDetail,
  { bootedAt, ranUntil }: Pick<Ground, 'bootedAt' | 'ranUntil'>,
): ContainerEndReason | null {
  // The engine also marks a container whose child alone was killed: then it ended by something else.
  if (outOfMemory && exitCode === killedStatus) return 'out-of-memory';
  if (!statusesOfFall.has(exitCode)) return 'self-terminated';
  if (ranUntil !== null && Date.parse(finishedAt) < ranUntil) return 'self-terminated';
  return bootedAt !== null && Date.parse(startedAt) < bootedAt ? 'node-reboot' : null;
}

/** What ended a container. `engineStartedAt`: null = unknown. Pure. */
export function reasonOf(
  detail: EndDetail,
  ground: Pick<Ground, 'bootedAt' | 'ranUntil'>,
  engineStartedAt: number | null,
): ContainerEndReason {
  const known = reasonWithoutStart(detail, ground);
  if (known !== null) return known;
  const isOlder = engineStartedAt !== null && Date.parse(detail.startedAt) < engineStartedAt;
  return isOlder ? 'engine-restart' : 'self-terminated';
}

const wordsOfReason: Partial<Record<ContainerEndReason, string>> = {
  'out-of-memory': 'its container was killed at the memory limit',
  'engine-restart': 'its container ended with the container engine, which has started anew',
  'node-reboot': 'its container ended with this machine, which has started anew',
};

/** Says why in a sentence: the reason, a signal or a status, with what the engine and the log add. Pure. */
export function explainEnd(
  { exitCode, error }: Pick<ContainerDetail, 'exitCode' | 'error'>,
  reason: ContainerEndReason,
  log: string,
): Omit<ContainerDeath, 'isToRestart'> {
  const words =
    wordsOfReason[reason] ??
    (exitCode > 128 && exitCode < 193
      ? `its container was ended by signal ${exitCode - 128}`
      : `its container ended by itself with status ${exitCode}`);
  const said = error === '' ? '' : ` (${error})`;
  const lines = exitCode === 0 || log === '' ? '' : `${beforeOutput}${log}`;
  return { exitCode, reason, detail: `${words}${said}${lines}` };
}

/** Inspects a container, and looks for what ended it, also in its log. Throws what the engine throws. */
export async function observeContainer(
  engine: Engine,
  id: ContainerId,
  ground: Ground,
  signal: AbortSignal,
): Promise<ContainerObservation> {
  return await observationOf(engine, await engine.inspectContainer(id, signal), ground, signal);
}

/** What an inspection says; null: the engine does not know the container. Throws what the engine throws. */
export async function observationOf(
  engine: Engine,
  detail: ContainerDetail | null,
  ground: Ground,
  signal: AbortSignal,
): Promise<ContainerObservation> {
  if (!detail) return { type: 'absent' };
  const { id } = detail;
  // It was removed by somebody; its end by signal 9 is only how that is done.
  if (detail.state === 'removing') return { type: 'removed' };
  if (containerIsAlive(detail.state)) return { type: 'alive', containerId: id, isPaused: detail.state === 'paused' };
  let reason = reasonWithoutStart(detail, ground);
  if (reason === null) {
    // The engine may be ending itself, and its containers with it: what ended this one is then said by the next.
    await engine.ping(signal);
    reason = reasonOf(detail, ground, await engine.startedAt(signal));
  }
  const log = detail.exitCode === 0 ? '' : await logTail(engine, id, signal);
  const isToRestart = ground.onEngineRestart === 'restart' && fallReasons.has(reason);
  return { type: 'dead', isToRestart, ...explainEnd(detail, reason, log) };
}

/** Whether a container in this state still has its processes. Pure. */
export function containerIsAlive(state: ContainerState): boolean {
  return state === 'running' || state === 'paused' || state === 'restarting';
}
