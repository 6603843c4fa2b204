/** Compares JSON values and says where they differ. */
import { isObject } from '../vector-kind.ts';

/** The first difference, or null. The order of keys is free, unless it is asked for. */
export function difference(actual: unknown, wanted: unknown, place = 'value'): string | null {
  if (Array.isArray(actual) && Array.isArray(wanted)) {
    if (actual.length !== wanted.length) return `${place} has ${actual.length} items, not ${wanted.length}`;
    for (const [index, item] of actual.entries()) {
      const found = difference(item, wanted[index], `${place}[${index}]`);
      if (found) return found;
    }
    return null;
  }
  if (isObject(actual) && isObject(wanted)) {
    const keys = new Set([...Object.keys(actual), ...Object.keys(wanted)]);
    for (const key of keys) {
      if (!(key in actual)) return `${place}.${key} is missing`;
      if (!(key in wanted)) return `${place}.${key} is too much`;
      const found = difference(actual[key], wanted[key], `${place}.${key}`);
      if (found) return found;
    }
    return null;
  }
  return Object.is(actual, wanted) || actual === wanted ? null : `${place} is ${show(actual)}, not ${show(wanted)}`;
}

/** The difference of two byte strings, or null. */
export function byteDifference(actual: Uint8Array, wantedHex: string, what: string): string | null {
  const hex = Buffer.from(actual).toString('hex');
  return hex === wantedHex ? null : `${what} is ${hex.slice(0, 400)}, not ${wantedHex.slice(0, 400)}`;
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 300);
}
