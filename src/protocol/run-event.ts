/**
 * What a run says. The runner numbers the events of each run from 1; the number is also the id of the server-sent event in the
 * local API, so a reader that lost its connection goes on where it stopped, whichever side restarted.
 */
import type { RunId } from '../lib/ids.ts';
import type { DisplayForm, DisplayRole } from './display.ts';
import type { RunDescription } from './run-description.ts';

/** Why a run ended otherwise than by its program's own exit. */
export const endReasons = [
  'exited',
  'signalled',
  'time-limit',
  'memory-limit',
  'cpu-limit',
  'output-limit',
  'cancelled',
  'kernel-ended',
  'unable',
  'internal',
] as const;
/** Why a run ended. `unable` = the runtime cannot run this (exit 127); `kernel-ended` is said by the agent alone. */
export type EndReason = (typeof endReasons)[number];

/** Characters of a prompt. With each of them escaped, the event still fits into the header of a frame. */
export const maxPrompt = 65_536;

/** The header of a run event; bytes of output and values travel beside it, in the frame's body. */
export type RunEvent =
  /** It waits until this run has ended, and is then started or waits behind the next one. */
  | { readonly kind: 'queued'; readonly behind: RunId }
  | { readonly kind: 'started' }
  /**
   * The first `upTo` bytes of the output are not kept any more, and the reader has not got all of them: it goes on behind them.
   * The number is that of the last event that is gone.
   */
  | { readonly kind: 'dropped'; readonly upTo: number }
  | { readonly kind: 'stdout' }
  | { readonly kind: 'stderr' }
  /** A value; the body has the bytes of `forms` in their order. What was too large for it is named in `omitted`. */
  | {
      readonly kind: 'display';
      readonly role: DisplayRole;
      readonly forms: readonly DisplayForm[];
      readonly omitted: readonly DisplayForm[];
    }
  /**
   * The error that code ended with: `ZeroDivisionError`, `division by zero`. The body is the traceback as the language prints
   * it, in UTF-8; empty when the program has told of the error in its own way.
   */
  | { readonly kind: 'error'; readonly name: string; readonly message: string }
  | { readonly kind: 'waiting-input'; readonly prompt: string; readonly password: boolean }
  | { readonly kind: 'clean-finished'; readonly exitCode: number }
  | { readonly kind: 'build-finished'; readonly exitCode: number }
  /** The last event of every run. `exitCode` is −N for death by signal N, 127 when it could not be run. */
  | { readonly kind: 'finished'; readonly exitCode: number; readonly reason: EndReason };

/** A numbered event with its bytes. */
export interface NumberedRunEvent {
  readonly n: number;
  readonly event: RunEvent;
  readonly body: Uint8Array;
}

/** Characters of an event's header that a program chooses: what it costs to keep, beside its bytes. */
export function headerLength(event: RunEvent): number {
  if (event.kind === 'waiting-input') return event.prompt.length;
  if (event.kind === 'error') return event.name.length + event.message.length;
  if (event.kind !== 'display') return 0;
  return [...event.forms, ...event.omitted].reduce((sum, { type }) => sum + type.length, 0);
}

/** Phases of a run, in their order. */
export const runPhases = ['queued', 'running', 'waiting-input', 'finished'] as const;
/** One of them; only `finished` is final. */
export type RunPhase = (typeof runPhases)[number];

/** What a run is, and its state without its output. */
export interface RunSummary extends RunDescription {
  readonly run: RunId;
  readonly phase: RunPhase;
  /** The number of its newest event. */
  readonly last: number;
  /** The number of the oldest event that can still be delivered. */
  readonly oldest: number;
  readonly exitCode: number | null;
  readonly reason: EndReason | null;
}
