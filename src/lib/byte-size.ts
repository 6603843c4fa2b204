/**
 * Sizes in bytes as people write them: `128m`, `1.5g`, `512k`, `1 GiB`, `1024`. Units are powers of 1024
 * (spec config-and-ops 2.3); a size is never negative.
 */
import { KerneletError } from './errors.ts';

const scales = 'kmgtpezy';
const form = /^(\d+(?:\.\d*)?|\.\d+)\s*([kmgtpezy])\s*(?:ibytes?|ib|bytes?|b)?$/;
const plainForm = /^(\d+)(?:\s+(?:ibytes?|ib|bytes?|b))?$/;

/** What the forms look like, for texts. */
export const byteSizeForms = 'a size such as 128m, 1.5g, 512k or 1048576 (units are powers of 1024)';

/**
 * Reads a size; fractions of a byte are cut off. Throws INVALID_ARGUMENT, which begins with `what`, for anything that
 * is not of the form, negative or above 2^53 - 1.
 */
export function parseByteSize(value: string | number | bigint, what = 'size'): number {
  const bytes = toBytes(value);
  if (bytes === undefined || bytes > BigInt(Number.MAX_SAFE_INTEGER)) {
    const shown = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : String(value);
    throw new KerneletError('INVALID_ARGUMENT', `${what} ${shown} is not ${byteSizeForms}`);
  }
  return Number(bytes);
}

function toBytes(value: string | number | bigint): bigint | undefined {
  if (typeof value === 'bigint') return value >= 0n ? value : undefined;
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? BigInt(value) : undefined;
  const text = value.trim().replaceAll('_', '').toLowerCase();
  if (text.length > 80) return undefined;
  const plain = plainForm.exec(text)?.[1];
  if (plain !== undefined) return BigInt(plain);
  const [, amount, scale] = form.exec(text) ?? [];
  if (amount === undefined || scale === undefined) return undefined;
  const [whole = '', fraction = ''] = amount.split('.');
  const unit = 1024n ** BigInt(scales.indexOf(scale) + 1);
  return (BigInt(whole + fraction) * unit) / 10n ** BigInt(fraction.length);
}

/** The shortest exact form, which `parseByteSize` reads back: `1g`, `1536m`, `1000`. */
export function formatByteSize(bytes: number): string {
  let amount = bytes;
  let scale = 0;
  while (amount !== 0 && amount % 1024 === 0 && scale < scales.length) {
    amount /= 1024;
    scale += 1;
  }
  return `${amount}${scales[scale - 1] ?? ''}`;
}

/** A rounded form for people: `1.5 GiB`, `12 MiB`, `900 B`. */
export function describeByteSize(bytes: number): string {
  let amount = bytes;
  let scale = 0;
  while (amount >= 1024 && scale < scales.length) {
    amount /= 1024;
    scale += 1;
  }
  const unit = scale === 0 ? 'B' : `${(scales[scale - 1] ?? '').toUpperCase()}iB`;
  const digits = scale === 0 || amount >= 100 ? 0 : 1;
  return `${amount.toFixed(digits).replace(/\.0$/, '')} ${unit}`;
}
