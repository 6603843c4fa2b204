/** Rates of a network as people and `tc` write them: `512kbit`, `10mbit`, `1.5gbit`. In the code they are bits a second. */
import { KerneletError } from './errors.ts';

const units = { kbit: 1e3, mbit: 1e6, gbit: 1e9 } as const;
const form = /^(\d+(?:\.\d+)?|\.\d+)\s*(kbit|mbit|gbit)$/;

/** The least rate that a kernel can have; below, a single packet takes seconds. */
export const minBitRate = 64_000;
/** The highest rate that can be given. */
export const maxBitRate = 100e9;

/** What the forms look like, for texts. */
export const bitRateForms = 'a rate such as 512kbit, 10mbit or 1.5gbit, from 64kbit to 100gbit';

/** Reads a rate into bits a second. Throws INVALID_ARGUMENT, which begins with `what`. */
export function parseBitRate(text: string, what = 'rate'): number {
  const [, amount, unit] = form.exec(text.trim().toLowerCase()) ?? [];
  const rate = Math.round(Number(amount) * (units[unit as keyof typeof units] ?? Number.NaN));
  if (rate >= minBitRate && rate <= maxBitRate) return rate;
  throw new KerneletError('INVALID_ARGUMENT', `${what} ${JSON.stringify(text.slice(0, 80))} is not ${bitRateForms}`);
}

/** The exact form in the largest unit that gives a whole number, which `parseBitRate` reads back. */
export function formatBitRate(rate: number): string {
  for (const unit of ['gbit', 'mbit'] as const) if (rate % units[unit] === 0) return `${rate / units[unit]}${unit}`;
  return `${rate / units.kbit}kbit`;
}
