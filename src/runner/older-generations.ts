/**
 * What agents of older generations are told in place of events that they do not know: one event for one, since they see by the
 * numbers whether something is missing. Pure.
 */
import { contextsGeneration } from '../protocol/agent-frames.ts';
import type { NumberedRunEvent } from '../protocol/run-event.ts';

const nothing = new Uint8Array(0);

/** The event as this generation of the protocol has it. */
export function eventFor(generation: number, numbered: NumberedRunEvent): NumberedRunEvent {
  if (numbered.event.kind === 'queued' && generation < contextsGeneration) {
    return { n: numbered.n, event: { kind: 'stdout' }, body: nothing };
  }
  return numbered;
}
