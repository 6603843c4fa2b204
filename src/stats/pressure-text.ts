/** Pressure stall information (PSI), as cgroups and `/proc/pressure` write it. Pure. */
import type { Stall } from './container-sample.ts';
import { toNumber, UnexpectedText, whole } from './file-text.ts';

/** Lines `some avg10=0.00 avg60=0.00 avg300=0.00 total=422` and, not everywhere, `full …`. null stays null. */
export function parsePressure(text: string | null, file: string): Stall | null {
  if (text === null) return null;
  const some = total(whole(text, file), 'some', file);
  if (some === null) throw new UnexpectedText(`${file} has no line some`);
  return { some, full: total(text, 'full', file) };
}

function total(text: string, kind: 'some' | 'full', file: string): number | null {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${kind} `));
  if (line === undefined) return null;
  const at = line.indexOf(' total=');
  if (at < 0) throw new UnexpectedText(`${file} has no total`);
  return toNumber(line.slice(at + ' total='.length), file);
}
