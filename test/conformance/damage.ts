/** Damages a value of a vector, to see that its check notices. */
import { isObject } from './vector-kind.ts';

/** A copy of a JSON value whose last leaf is another; undefined when there is no leaf. */
function damaged(value: unknown): unknown {
  if (Array.isArray(value)) return damagedItem([...value.entries()], (index, item) => value.with(index, item));
  if (isObject(value)) return damagedItem(Object.entries(value), (key, item) => ({ ...value, [key]: item }));
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'boolean') return !value;
  // A text of digits stays one: `1` becomes `17`.
  return typeof value === 'string' ? `${value}7` : value === null ? '7' : undefined;
}

function damagedItem<Key>(
  entries: readonly (readonly [Key, unknown])[],
  replace: (key: Key, item: unknown) => unknown,
): unknown {
  for (const [key, item] of entries.toReversed()) {
    const other = damaged(item);
    if (other !== undefined) return replace(key, other);
  }
  return undefined;
}

/** A copy with the last leaf below a path damaged; undefined when there is no such path, or no leaf below it. */
export function damageAt(value: unknown, path: readonly (string | number)[]): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return damaged(value);
  if (Array.isArray(value) && typeof key === 'number' && key in value) {
    const other = damageAt(value[key], rest);
    return other === undefined ? undefined : value.with(key, other);
  }
  if (isObject(value) && Object.hasOwn(value, key)) {
    const other = damageAt(value[key], rest);
    return other === undefined ? undefined : { ...value, [key]: other };
  }
  return undefined;
}
