/**
 * What agents of older generations are told in place of events that they do not know: one event for one, since they see by the
 * numbers whether something is missing. Pure.
 */
import { wholeResultsGeneration } from '../protocol/agent-frames.ts';
import { type NumberedGeneration3Event, toGeneration3 } from '../protocol/generation-3.ts';
import type { NumberedRunEvent } from '../protocol/run-event.ts';

/** The event as this generation of the protocol has it. */
export function eventFor(generation: number, numbered: NumberedRunEvent): NumberedRunEvent | NumberedGeneration3Event {
  return generation < wholeResultsGeneration ? toGeneration3(numbered) : numbered;
}
