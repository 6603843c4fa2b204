/** Numbers (spec config-and-ops 2.4): environment variables and etcd hold them as text, so text is accepted. */
import { kind, type ValueType } from './value-type.ts';

/** Inclusive bounds. */
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
  return kind(describe('a whole number', bounds), keywords('integer', bounds), (value) => {
    const number = toNumber(value);
    return number !== undefined && Number.isSafeInteger(number) && within(number, bounds) ? number : undefined;
  });
}

/** A number. */
export function decimal(bounds: Bounds = {}): ValueType<number> {
  return kind(describe('a number', bounds), keywords('number', bounds), (value) => {
    const number = toNumber(value);
    return number !== undefined && within(number, bounds) ? number : undefined;
  });
}

/** A number of CPUs: at least 0.01, rounded to hundredths. */
export const cpuCount: ValueType<number> = kind(
  'a number of CPUs from 0.01 to 4096, such as 1 or 0.5',
  { type: ['number', 'string'], minimum: 0.01, maximum: 4096 },
  (value) => {
    const number = toNumber(value);
    return number !== undefined && number >= 0.01 && number <= 4096 ? Math.round(number * 100) / 100 : undefined;
  },
);

/** A TCP port. */
export const port: ValueType<number> = integer({ min: 1, max: 65_535 });
