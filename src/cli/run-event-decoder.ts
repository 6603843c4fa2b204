/** Run events and log pieces out of the data of server-sent events, bytes decoded without a detour over strings. */

import type { LogPiece } from '../agent/agent.ts';
import { KerneletError } from '../lib/errors.ts';
import type { NumberedRunEvent, RunEvent } from '../wire/run-event.ts';

const bodyStart = Buffer.from(',"body":"');
const bodyEnd = '"}';
const empty = new Uint8Array();
/** The head of an event with bytes is short; only there the start of the body is looked for. */
const longestHead = 4096;

/** The document without its body, and the body. `body` is always the last member. */
function split(data: Buffer): { head: unknown; body: Uint8Array } {
  try {
    const at = data.subarray(0, longestHead).indexOf(bodyStart);
    // Inside of a JSON text the quotes would be escaped, so this can only be the member itself.
    if (at < 0) return { head: JSON.parse(data.toString()), body: empty };
    if (data.toString('latin1', data.length - bodyEnd.length) !== bodyEnd) throw new Error('the body has no end');
    const head: unknown = JSON.parse(`${data.toString('utf8', 0, at)}}`);
    return {
      head,
      body: Buffer.from(data.toString('latin1', at + bodyStart.length, data.length - bodyEnd.length), 'base64'),
    };
  } catch (cause) {
    throw new KerneletError('PROTOCOL_ERROR', 'the API sent an event that is not JSON', { cause });
  }
}

/** Reads the data of a run's event. The daemon is trusted to send the members that its schema has. */
export function decodeRunEvent(data: Buffer): NumberedRunEvent {
  const { head, body } = split(data);
  const { n, event } = (head ?? {}) as { n: number; event: RunEvent };
  if (!Number.isSafeInteger(n) || typeof event?.kind !== 'string') {
    throw new KerneletError('PROTOCOL_ERROR', 'the API sent an event of an unknown form');
  }
  return { n, event, body };
}

/** Reads the data of a piece of a log. */
export function decodeLogPiece(data: Buffer): LogPiece {
  const { head, body } = split(data);
  return { stream: (head as { stream: 'stdout' | 'stderr' }).stream, data: body };
}
