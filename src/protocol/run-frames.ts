/**
 * The events of a run as the API streams them to clients that prefer bytes to text: frames as on a runner's socket,
 * whose head is `{ n, event }`, or `{ error }` at the end, or `{}` in silence. Output is neither encoded nor copied.
 */
import type { ErrorDocument } from '../lib/errors.ts';
import { encodeFrame, FrameError, type RawFrame } from './frame.ts';
import type { NumberedRunEvent, RunEvent } from './run-event.ts';

/** The media type of such a stream. */
export const framesMediaType = 'application/vnd.kernelet.frames';

/** The pieces of an event's frame. */
export const encodeRunFrame = ({ n, event, body }: NumberedRunEvent): readonly Uint8Array[] =>
  encodeFrame({ n, event }, body);

/** The frame of an error, which is the last one. */
export const encodeErrorFrame = (error: ErrorDocument): readonly Uint8Array[] => encodeFrame({ error });

/** The frame that keeps the connection from looking dead. */
export const silentFrame: readonly Uint8Array[] = encodeFrame({});

/** What a frame says. The daemon is trusted to send the members that the schema of its events has. */
export type RunFrame = NumberedRunEvent | { readonly error: unknown } | null;

/** Reads a frame; null is silence. Throws FrameError for an unknown form. */
export function parseRunFrame({ head, body }: RawFrame): RunFrame {
  if (typeof head !== 'object' || head === null) throw new FrameError('head is not an object');
  const { n, event, error } = head as { n?: unknown; event?: Partial<RunEvent>; error?: unknown };
  if (error !== undefined) return { error };
  if (n === undefined) return null;
  if (!Number.isSafeInteger(n) || typeof event?.kind !== 'string') throw new FrameError('event of an unknown form');
  return { n: n as number, event: event as RunEvent, body };
}
