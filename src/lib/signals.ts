/** Names and numbers of UNIX signals, and the exit statuses that shells derive from them. */
import { constants } from 'node:os';

const numbers = new Map<string, number>(Object.entries(constants.signals));
/** The first name of each number counts: SIGABRT before SIGIOT. */
const names = new Map<number, NodeJS.Signals>();
for (const [name, number] of numbers) if (!names.has(number)) names.set(number, name as NodeJS.Signals);

/** The number of a signal named `SIGTERM`, `TERM` or `term`; undefined when there is none. */
export function signalNumber(name: string): number | undefined {
  const upper = name.toUpperCase();
  return numbers.get(upper.startsWith('SIG') ? upper : `SIG${upper}`);
}

/** The name of a signal (`SIGTERM`); undefined when there is none. */
export function signalName(number: number): NodeJS.Signals | undefined {
  return names.get(number);
}

/** The exit status that stands for an end by this signal: 128 + its number (128 for an unknown one). */
export function exitStatusOfSignal(name: string): number {
  return 128 + (signalNumber(name) ?? 0);
}
