/**
 * What agents of older generations are told in place of events that they do not know: one event for one, since they see by the
 * numbers whether something is missing. Pure.
 */
import { processesGeneration, wholeResultsGeneration } from '../protocol/agent-frames.ts';
import { type NumberedGeneration3Event, toGeneration3 } from '../protocol/generation-3.ts';
import type { NumberedRunEvent } from '../protocol/run-event.ts';

const nothing = new Uint8Array(0);

/** The event as this generation of the protocol has it, for a reader that was sent all up to `after`. */
export function eventFor(
  generation: number,
  after: number,
  numbered: NumberedRunEvent,
): NumberedRunEvent | NumberedGeneration3Event {
  const { n, event } = numbered;
  if (event.kind === 'dropped') {
    if (generation >= processesGeneration) return numbered;
    // One that comes has never been told of what is gone.
    if (after === 0) return silence(n);
    if (after + 1 < n) return silence(after + 1);
    return { n, event: { kind: 'stderr' }, body: Buffer.from('kernelet: output before this was not kept\n') };
  }
  return generation < wholeResultsGeneration ? toGeneration3(numbered) : numbered;
}

const silence = (n: number): NumberedRunEvent => ({ n, event: { kind: 'stdout' }, body: nothing });
