/** Run events as `--json` lines. */
import { isUtf8 } from 'node:buffer';
import type { NumberedRunEvent } from '../protocol/run-event.ts';

/** The document of an event. */
export function runEventDocument({ n, event, body }: NumberedRunEvent): Record<string, unknown> {
  const { kind } = event;
  const hasBody = kind === 'stdout' || kind === 'stderr' || kind === 'media' || kind === 'html';
  return { n, ...event, ...(hasBody ? textOrBase64(body) : {}) };
}

/** Bytes as `text` when they are UTF-8, else as `base64`: nothing is replaced or lost. */
export function textOrBase64(body: Uint8Array): { readonly text: string } | { readonly base64: string } {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  return isUtf8(buffer) ? { text: buffer.toString() } : { base64: buffer.toString('base64') };
}
