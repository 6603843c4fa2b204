/** A run event as a `--json` line: bytes as `text` when they are UTF-8, else as `base64`. */
import { isUtf8 } from 'node:buffer';
import type { NumberedRunEvent } from '../wire/run-event.ts';

/** The document of an event. */
export function runEventDocument({ n, event, body }: NumberedRunEvent): Record<string, unknown> {
  return { n, ...event, ...bodyOf(event.kind, body) };
}

function bodyOf(kind: NumberedRunEvent['event']['kind'], body: Uint8Array): Record<string, string> {
  if (kind !== 'stdout' && kind !== 'stderr' && kind !== 'media' && kind !== 'html') return {};
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return isUtf8(buffer) ? { text: buffer.toString() } : { base64: buffer.toString('base64') };
}
