/** Points in time as extension type 2 carries them: the two layouts of temporenc that occur (spec rpc 3.5). */
import { ExtensionError } from './extension.ts';

const naiveBytes = 8;
const zonedBytes = 9;
/** Both end in date, time and microseconds: 58 bits, before the offset (7 bits, zoned only) and two zero bits. */
const widths = { year: 12, month: 4, day: 5, hour: 5, minute: 6, second: 6, microsecond: 20 } as const;

/** ISO 8601 text; without an offset when the time is naive, in UTC otherwise. Throws ExtensionError. */
export function decodeTemporenc(data: Uint8Array): string {
  const zoned = data.length === zonedBytes;
  if (!zoned && data.length !== naiveBytes) throw new ExtensionError(`a time of ${data.length} bytes does not occur`);
  let bits = data.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  const head = zoned ? bits >> 67n : bits >> 60n;
  if (head !== (zoned ? 0b11101n : 0b0101n) || (bits & 0b11n) !== 0n) {
    throw new ExtensionError('a time of another layout does not occur');
  }
  bits >>= zoned ? 9n : 2n;
  const take = (width: number): number => {
    const value = Number(bits & ((1n << BigInt(width)) - 1n));
    bits >>= BigInt(width);
    return value;
  };
  const microsecond = take(widths.microsecond);
  const second = take(widths.second);
  const minute = take(widths.minute);
  const hour = take(widths.hour);
  const day = take(widths.day) + 1;
  const month = take(widths.month) + 1;
  const year = take(widths.year);
  if (microsecond > 999_999 || second > 59 || minute > 59 || hour > 23 || month > 12 || year < 1) {
    throw new ExtensionError('a part of a time is out of bounds');
  }
  const two = (part: number): string => String(part).padStart(2, '0');
  const fraction = microsecond === 0 ? '' : `.${String(microsecond).padStart(6, '0')}`;
  const date = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
  return `${date}T${two(hour)}:${two(minute)}:${two(second)}${fraction}${zoned ? '+00:00' : ''}`;
}
