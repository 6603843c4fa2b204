/**
 * How generation 4 and older are told of ends that they have no word for, those of runs with limits: a daemon that was rolled
 * back may follow such a run. Pure.
 */
import type { EndReason, NumberedRunEvent, RunSummary } from './run-event.ts';

const newest = 4;
const words: Partial<Record<EndReason, EndReason>> = { 'cpu-limit': 'time-limit', 'output-limit': 'cancelled' };
const older = (reason: EndReason): EndReason => words[reason] ?? reason;

/** An event as a reader of this generation knows it. */
export function endFor(generation: number, numbered: NumberedRunEvent): NumberedRunEvent {
  const { event } = numbered;
  if (generation > newest || event.kind !== 'finished') return numbered;
  return { ...numbered, event: { ...event, reason: older(event.reason) } };
}

/** Where a run stands, as a reader of this generation knows it. */
export const summaryFor = (generation: number, summary: RunSummary): RunSummary =>
  generation > newest || summary.reason === null ? summary : { ...summary, reason: older(summary.reason) };
