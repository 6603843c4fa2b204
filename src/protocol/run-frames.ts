/**
 * The frames in which the local API gives the events of a run: their bytes as they are, where server-sent events would need
 * base64.
 */
import type { ErrorDocument } from '../lib/errors.ts';
import { encodeFrame, type RawFrame } from './frame.ts';
import { fromGeneration3 } from './generation-3.ts';
import { type Fields, object, text, whole } from './guards.ts';
import type { NumberedRunEvent, RunEvent } from './run-event.ts';

/** The media type of a stream of them. */
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
  return { n: whole(n, 'n'), event: eventOf(text(fields['kind'], 'kind'), fields, body.length), body };
}

/** A daemon of an older version, which has yet to be started again, tells of values in its own way. */
function eventOf(kind: string, fields: Fields, bodyBytes: number): RunEvent {
  if (kind === 'html') return fromGeneration3('text/html', bodyBytes);
  if (kind === 'media') return fromGeneration3(text(fields['type'], 'type'), bodyBytes);
  return fields as RunEvent;
}
