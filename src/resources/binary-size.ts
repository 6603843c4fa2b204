/**
 * Sizes in bytes in the forms that clients and `resource.txt` use (spec resources-and-stats 1.5): unlike
 * `lib/byte-size.ts`, which reads what people write in a configuration, they may be negative, infinite or above 2^53.
 */

import { formatByteSize } from '../lib/byte-size.ts';
import { cut, Decimal, parseDecimal, plainText, roundEven } from '../lib/decimal.ts';
import { KerneletError } from '../lib/errors.ts';

const units = 'kmgtpezy';
const suffixes = ['ibytes', 'ibyte', 'ib', 'bytes', 'byte', 'b'];
const longest = 80;
const scales = Array.from({ length: units.length + 1 }, (_, power) => new Decimal(1024).pow(power));

/** What a size is divided by before it is written; `auto` is the largest unit that is not above the value. */
export type SizeUnit = 'auto' | 'k' | 'm' | 'g' | 't' | 'p' | 'e' | 'z' | 'y';

/** Reads a size; fractions of a byte are cut off. Throws INVALID_ARGUMENT. */
export function parseBinarySize(text: string): Decimal {
  if (/^inf(?:inite|inity)?$/i.test(text)) return new Decimal(Infinity);
  const trimmed = text.trim().replaceAll('_', '');
  if (trimmed === '' || trimmed.length > longest) throw invalid(text, 'is not a size in bytes');
  if (/^[+-]?\d+$/.test(trimmed)) return parseDecimal(trimmed);
  const lowered = trimmed.toLowerCase();
  const suffix = suffixes.find((candidate) => lowered.endsWith(candidate));
  if (suffix === undefined && /\d$/.test(lowered)) throw invalid(text, 'has fractional bytes, which are not allowed');
  const scaled = suffix === undefined ? lowered : lowered.slice(0, -suffix.length);
  const unit = scaled.slice(-1);
  // A space stands for bytes: `2 bytes`.
  const scale = unit === ' ' ? scales[0] : scales[units.indexOf(unit) + 1];
  const amount = scaled.slice(0, -1).trimEnd();
  if (unit === '' || scale === undefined || (unit !== ' ' && !units.includes(unit)) || !/^[+-]?[\d.]/.test(amount)) {
    throw invalid(text, 'is not a size in bytes');
  }
  return cut(parseDecimal(amount, 'size').times(scale));
}

/** Reads a size that is not infinite. Throws INVALID_ARGUMENT. */
export function parseFiniteBinarySize(text: string): Decimal {
  const size = parseBinarySize(text);
  if (!size.isFinite()) throw invalid(text, 'is infinite, which is not allowed');
  return size;
}

/** Writes a size with at most two digits of fraction, so it may lose some: `1.4g`, `512`, `0m`. */
export function formatBinarySize(bytes: Decimal, unit: SizeUnit): string {
  if (!bytes.isFinite()) return plainText(bytes);
  const power = unit === 'auto' ? largestPower(bytes) : units.indexOf(unit) + 1;
  return `${quotient(bytes, power)}${power === 0 ? '' : units[power - 1]}`;
}

/** Writes a size in the shortest form that loses nothing: `256m`, `1000`. */
export const formatExactSize = (bytes: Decimal): string =>
  Number.isSafeInteger(bytes.toNumber()) && !bytes.isNegative() ? formatByteSize(bytes.toNumber()) : plainText(bytes);

/** Writes a size for people, with the unit in full below 1 KiB: `1.4 GiB`, `1 byte`, `512 bytes`. */
export function displayBinarySize(bytes: Decimal): string {
  if (!bytes.isFinite()) return plainText(bytes);
  const power = largestPower(bytes);
  if (power > 0) return `${quotient(bytes, power)} ${units[power - 1]?.toUpperCase()}iB`;
  return bytes.eq(1) ? '1 byte' : `${plainText(bytes)} bytes`;
}

function largestPower(bytes: Decimal): number {
  const magnitude = bytes.abs();
  return Math.max(
    0,
    scales.findLastIndex((scale) => magnitude.gte(scale)),
  );
}

const quotient = (bytes: Decimal, power: number): string => plainText(roundEven(bytes.div(scales[power] ?? 1), 2));

const invalid = (text: string, problem: string): KerneletError =>
  new KerneletError('INVALID_ARGUMENT', `size ${JSON.stringify(text.slice(0, 80))} ${problem}`);
