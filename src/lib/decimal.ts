/**
 * Exact decimal numbers, by decimal.js: 28 significant digits, ties to even, as amounts of resources need
 * (spec resources-and-stats 1.4). The only module that imports the library.
 */
import { Decimal as Library } from 'decimal.js';
import { KerneletError } from './errors.ts';

/** Digits of an exponent that a text may have: `1E+999` is fine, `1E+9999999` would be written with ten million digits. */
const form = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$/;
const infinity = /^([+-]?)inf(?:inity)?$/i;
/** Characters of a text; more is no number that anybody means. */
const maxLength = 200;

/** The number class; its instances never change. */
export const Decimal = Library.clone({
  precision: 28,
  rounding: Library.ROUND_HALF_EVEN,
  toExpNeg: -9e15,
  toExpPos: 9e15,
  defaults: true,
});
/** An exact decimal number; nothing is rounded unless it is asked for. */
export type Decimal = Library;

/** The exact 0, where sums begin. */
export const zero: Decimal = new Decimal(0);

/**
 * Reads a number: optional sign, digits, fraction, exponent, or `Infinity` or `inf`. Throws INVALID_ARGUMENT, which
 * begins with `what`, for anything else, `NaN` included.
 */
export function parseDecimal(text: string, what = 'number'): Decimal {
  const trimmed = text.trim();
  if (trimmed.length <= maxLength) {
    if (form.test(trimmed)) return new Decimal(trimmed.startsWith('+') ? trimmed.slice(1) : trimmed);
    const sign = infinity.exec(trimmed)?.[1];
    if (sign !== undefined) return new Decimal(sign === '-' ? -Infinity : Infinity);
  }
  throw new KerneletError('INVALID_ARGUMENT', `${what} ${JSON.stringify(text.slice(0, 80))} is not a decimal number`);
}

/** Plain notation, never an exponent, without trailing zeros: `100`, `0.5`, `Infinity`. */
export const plainText = (value: Decimal): string => (value.isZero() ? '0' : value.toFixed());

/** Rounded to a number of fraction digits, ties to even. */
export const roundEven = (value: Decimal, places: number): Decimal =>
  value.toDecimalPlaces(places, Library.ROUND_HALF_EVEN);

/** Cut off after a number of fraction digits, towards zero. */
export const cut = (value: Decimal, places = 0): Decimal => value.toDecimalPlaces(places, Library.ROUND_DOWN);

/** The largest multiple of `step` that is not above a value of at least 0. */
export const floorTo = (value: Decimal, step: Decimal): Decimal => value.divToInt(step).times(step);

/** The sum; nothing for none. */
export function sum(values: Iterable<Decimal>): Decimal {
  let total = zero;
  for (const value of values) total = total.plus(value);
  return total;
}

/** Whether it is above 0; without the number that a comparison would make. */
export const isAboveZero = (value: Decimal): boolean => value.isPositive() && !value.isZero();

/** The smaller of two amounts. */
export const min = (left: Decimal, right: Decimal): Decimal => (left.lt(right) ? left : right);
