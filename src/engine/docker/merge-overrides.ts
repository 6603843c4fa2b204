/** Lays an operator's fields over a request (spec kernel-lifecycle 7.2, merge order). */

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * A new value: maps merge key by key, lists are joined, everything else is replaced. Neither argument is changed, and a
 * `__proto__` key of the overrides is left out.
 */
export function mergeOverrides(base: object, overrides: Readonly<Record<string, unknown>>): object {
  const merged = new Map<string, unknown>(Object.entries(base));
  for (const [key, value] of Object.entries(overrides)) {
    if (key !== '__proto__') merged.set(key, mergeValue(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}

function mergeValue(base: unknown, value: unknown): unknown {
  if (isMap(value)) return mergeOverrides(isMap(base) ? base : {}, value);
  if (Array.isArray(value)) return [...(Array.isArray(base) ? base : []), ...structuredClone(value)];
  return value;
}
