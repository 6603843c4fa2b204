/** Ranges of keys as nested tables, and the overlay of scopes (spec cluster-state 1.4). Pure. */
import { quoteComponent, unquoteComponent } from './keys.ts';

/** Values by path component; a path that is both value and folder has its value under the empty name. */
export interface NestedTable {
  readonly [name: string]: string | NestedTable;
}

type Growing = { [name: string]: string | Growing };

/** A table without a prototype: names such as `__proto__` are names like any other. */
const emptyTable = (): Growing => Object.create(null) as Growing;

/** Whether a value of a table is a table. */
export function isNested(value: string | NestedTable | undefined): value is NestedTable {
  return typeof value === 'object';
}

/** Builds a table of pairs whose keys begin with `prefix`. */
export function nestPairs(pairs: Iterable<readonly [key: string, value: string]>, prefix: string): NestedTable {
  const top = emptyTable();
  const sorted = [...pairs].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  for (const [key, value] of sorted) {
    const path = key.slice(prefix.length).replace(/^\//, '').split('/').map(unquoteComponent);
    const last = path.pop() ?? '';
    const table = path.reduce(folderIn, top);
    const there = table[last];
    if (typeof there === 'object') there[''] = value;
    else table[last] = value;
  }
  return top;
}

function folderIn(table: Growing, name: string): Growing {
  const there = table[name];
  if (typeof there === 'object') return there;
  const folder = emptyTable();
  if (there !== undefined) folder[''] = there;
  table[name] = folder;
  return folder;
}

/** Lays tables over each other: the first that has a name of the first level gives everything below it. */
export function overlayTables(tables: readonly NestedTable[]): NestedTable {
  const result = emptyTable();
  for (const table of [...tables].reverse()) Object.assign(result, table);
  return result;
}

/** The pairs that a table stands for, each component quoted; the empty name is the folder itself. */
export function flattenTable(prefix: string, table: NestedTable): readonly (readonly [key: string, value: string])[] {
  return Object.entries(table).flatMap(([name, value]) => {
    const key = name === '' ? prefix : `${prefix}${prefix === '' ? '' : '/'}${quoteComponent(name)}`;
    return isNested(value) ? flattenTable(key, value) : [[key, value] as const];
  });
}
