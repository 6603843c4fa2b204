/** Numbers, booleans, sizes and durations (spec config-and-ops 2.3, 2.4). Environment variables and etcd hold them as texts, so texts are accepted. */
import { bitRateForms, parseBitRate } from '../../lib/bit-rate.ts';
import { byteSizeForms, formatByteSize, parseByteSize } from '../../lib/byte-size.ts';
import type { ReservedSpace } from '../../lib/disk-space.ts';
import { durationForms, formatDuration, parseDuration } from '../../lib/duration.ts';
import { type ValueType, valueType } from '../definition.ts';

/** Bounds, which are within themselves. */
export interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

/** The number that a value stands for; undefined for anything but numbers and plain decimal text. */
export function toNumber(value: unknown): number | undefined {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value !== 'string' || !/^[+-]?(\d+(\.\d*)?|\.\d+)$/.test(value.trim())) return undefined;
  return Number(value);
}

function describe(noun: string, { min, max }: Bounds): string {
  if (min !== undefined && max !== undefined) return `${noun} from ${min} to ${max}`;
  return min === undefined ? noun : `${noun} of at least ${min}`;
}

function keywords(type: string, { min, max }: Bounds): Readonly<Record<string, unknown>> {
  const bounds = { ...(min === undefined ? {} : { minimum: min }), ...(max === undefined ? {} : { maximum: max }) };
  return { type: [type, 'string'], ...bounds };
}

function within(number: number, { min = -Infinity, max = Infinity }: Bounds): boolean {
  return number >= min && number <= max;
}

/** A whole number; integral floats and decimal text are accepted. */
export function integer(bounds: Bounds = {}): ValueType<number> {
  return valueType(describe('a whole number', bounds), keywords('integer', bounds), (value) => {
    const number = toNumber(value);
    return number !== undefined && Number.isSafeInteger(number) && within(number, bounds) ? number : undefined;
  });
}

/** A number, whole or not; decimal text is accepted. */
export function decimal(bounds: Bounds = {}): ValueType<number> {
  return valueType(describe('a number', bounds), keywords('number', bounds), (value) => {
    const number = toNumber(value);
    return number !== undefined && within(number, bounds) ? number : undefined;
  });
}

/** A number of CPUs: at least 0.01, rounded to hundredths. */
export const cpuCount: ValueType<number> = valueType(
  'a number of CPUs from 0.01 to 4096, such as 1 or 0.5',
  { type: ['number', 'string'], minimum: 0.01, maximum: 4096 },
  (value) => {
    const number = toNumber(value);
    return number !== undefined && number >= 0.01 && number <= 4096 ? Math.round(number * 100) / 100 : undefined;
  },
);

/** `[a, b]` or `"a-b"`, both ends inclusive, a below b; `noun` is what they are, in the plural. */
export function range(
  noun: string,
  end: ValueType<number>,
  example: { readonly first: number; readonly last: number },
): ValueType<{ readonly first: number; readonly last: number }> {
  const { first, last } = example;
  const read = (value: unknown): number | undefined => attempt(() => end.parse(value));
  return valueType(
    `a range of ${noun}, such as [${first}, ${last}] or "${first}-${last}", the first below the last`,
    {
      anyOf: [
        { type: 'string', pattern: '^ *[0-9]+ *- *[0-9]+ *$' },
        { type: 'array', items: { type: ['integer', 'string'] }, minItems: 2, maxItems: 2 },
      ],
    },
    (value) => {
      const parts: unknown = typeof value === 'string' ? value.split('-') : value;
      if (!Array.isArray(parts) || parts.length !== 2) return undefined;
      const [from, to] = parts.map(read);
      return from !== undefined && to !== undefined && from < to ? { first: from, last: to } : undefined;
    },
  );
}

/** A TCP port that can be listened on or connected to: not 0. */
export const port: ValueType<number> = integer({ min: 1, max: 65_535 });

const truths = new Set(['y', 'yes', 't', 'true', 'on', '1']);
const untruths = new Set(['n', 'no', 'off', '0', 'false', 'none']);

/** Only the booleans of TOML. */
export const strictBoolean: ValueType<boolean> = valueType('true or false', { type: 'boolean' }, (value) =>
  typeof value === 'boolean' ? value : undefined,
);

/** Booleans, 1 and 0, and their names in any case; null counts as false. */
export const lenientBoolean: ValueType<boolean> = valueType(
  'true or false (or yes/no, on/off, 1/0)',
  { type: ['boolean', 'integer', 'string', 'null'] },
  (value) => {
    if (typeof value === 'boolean') return value;
    if (value === null || value === 0) return false;
    if (value === 1) return true;
    if (typeof value !== 'string') return undefined;
    const word = value.toLowerCase();
    if (truths.has(word)) return true;
    return untruths.has(word) ? false : undefined;
  },
);

/** A size in bytes (spec config-and-ops 2.3). */
export function byteSize(bounds: Bounds = {}): ValueType<number> {
  const least = bounds.min === undefined ? '' : `, at least ${formatByteSize(bounds.min)}`;
  return valueType(`${byteSizeForms}${least}`, { type: ['string', 'integer'] }, (value) => {
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') return undefined;
    const bytes = attempt(() => parseByteSize(value));
    return bytes !== undefined && bytes >= (bounds.min ?? 0) && bytes <= (bounds.max ?? Infinity) ? bytes : undefined;
  });
}

/** A duration, written with its unit; milliseconds once it is read. */
export function duration(bounds: { readonly min: number; readonly max: number }): ValueType<number> {
  const forms = `${durationForms}, from ${formatDuration(bounds.min)} to ${formatDuration(bounds.max)}`;
  return valueType(forms, { type: 'string', examples: ['500ms', '2s', '5m'] }, (value) => {
    const ms = typeof value === 'string' ? attempt(() => parseDuration(value)) : undefined;
    return ms !== undefined && ms >= bounds.min && ms <= bounds.max ? ms : undefined;
  });
}

/** A rate of a network; bits a second once it is read. */
export const bitRate: ValueType<number> = valueType(bitRateForms, { type: 'string', examples: ['10mbit'] }, (value) =>
  typeof value === 'string' ? attempt(() => parseBitRate(value)) : undefined,
);

/** What is reserved of a file system. */
export const reservedSpace: ValueType<ReservedSpace> = valueType(
  `${byteSizeForms}, or a part from 0% to 90%`,
  { type: ['string', 'integer'], examples: ['256m', '5%'] },
  (value) => {
    const [, percent] = typeof value === 'string' ? (/^(\d{1,2}(?:\.\d+)?)\s*%$/.exec(value.trim()) ?? []) : [];
    if (percent !== undefined) return Number(percent) <= 90 ? { part: Number(percent) / 100 } : undefined;
    const bytes = attempt(() => byteSize().parse(value));
    return bytes === undefined ? undefined : { bytes };
  },
);

function attempt(read: () => number): number | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
