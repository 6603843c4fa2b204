/**
 * What a run says, and the frames in which the local API gives it (its bytes as they are, where server-sent events would need
 * base64). The runner numbers the events of each run from 1; the number is also the id of the server-sent
 * event in the local API, so a reader that lost its connection goes on where it stopped, whichever side restarted.
 */

import type { ErrorDocument } from '../lib/errors.ts';
import type { RunId } from '../lib/ids.ts';
import { encodeFrame, type RawFrame } from './frame.ts';
import { object, text, whole } from './guards.ts';

/** Why a run ended otherwise than by its program's own exit. */
export const endReasons = [
  'exited',
  'signalled',
  'time-limit',
  'memory-limit',
  'cancelled',
  'kernel-ended',
  'unable',
  'internal',
] as const;
/** Why a run ended. `unable` = the runtime cannot run this (exit 127); `kernel-ended` is said by the agent alone. */
export type EndReason = (typeof endReasons)[number];

/** Characters of a prompt. With each of them escaped, the event still fits into the header of a frame. */
export const maxPrompt = 65_536;

/** The header of a run event; output and media bytes travel beside it, in the frame's body. */
export type RunEvent =
  /** It waits until this run has ended, and is then started or waits behind the next one. */
  | { readonly kind: 'queued'; readonly behind: RunId }
  | { readonly kind: 'started' }
  | { readonly kind: 'stdout' }
  | { readonly kind: 'stderr' }
  /** Rich output; the body is raw bytes for `image/png`, `image/jpeg` and `audio/ogg`, UTF-8 text for other types. */
  | { readonly kind: 'media'; readonly type: string }
  | { readonly kind: 'html' }
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

/** Phases of a run, in their order. */
export const runPhases = ['queued', 'running', 'waiting-input', 'finished'] as const;
/** One of them; only `finished` is final. */
export type RunPhase = (typeof runPhases)[number];

/** The state of a run without its output. */
export interface RunSummary {
  readonly run: RunId;
  readonly phase: RunPhase;
  /** The number of its newest event. */
  readonly last: number;
  /** The number of the oldest event that can still be delivered. */
  readonly oldest: number;
  readonly exitCode: number | null;
  readonly reason: EndReason | null;
}

/** The media type of a stream of such frames. */
export const framesMediaType = 'application/vnd.kernelet.frames';

/** The pieces of an event's frame. */
export const encodeRunFrame = ({ n, event, body }: NumberedRunEvent): readonly Uint8Array[] =>
  encodeFrame({ n, event }, body);

/** The frame of an error, with which a stream ends. */
export const encodeErrorFrame = (error: ErrorDocument): readonly Uint8Array[] => encodeFrame({ error });

/** The frame that keeps the connection from looking dead. */
export const encodeKeepAliveFrame = (): readonly Uint8Array[] => encodeFrame({});

/** What a frame says. The daemon is trusted to send the members that the schema of its events has. */
export type RunFrame = NumberedRunEvent | { readonly error: unknown } | null;

/** Reads a frame; null is silence. Throws FrameError for an unknown form. */
export function parseRunFrame({ header, body }: Pick<RawFrame, 'header' | 'body'>): RunFrame {
  const { n, event, error } = object(header, 'header');
  if (error !== undefined) return { error };
  if (n === undefined) return null;
  const fields = object(event, 'event');
  text(fields['kind'], 'kind');
  return { n: whole(n, 'n'), event: fields as RunEvent, body };
}
