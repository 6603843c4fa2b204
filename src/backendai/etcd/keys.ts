/**
 * Keys of etcd (spec cluster-state 1.2 to 1.4): how logical keys of the cluster become keys of etcd by namespace,
 * scope and quoting, and how ranges of keys become nested tables, scope over scope. Pure.
 */

/** A part of the key space that lies over another. */
export type Scope = 'global' | 'group' | 'node';

/** What the keys of one agent are made of. */
export interface KeySpace {
  readonly namespace: string;
  readonly agentId: string;
  readonly scalingGroup: string;
}

/** The scopes in which a read at `scope` looks, the first that has the key wins. */
export const readOrder: Readonly<Record<Scope, readonly Scope[]>> = {
  node: ['node', 'group', 'global'],
  group: ['group', 'global'],
  global: ['global'],
};

/** The prefix of a scope, without slash at its end; it is put in raw. */
export function scopePrefix(space: KeySpace, scope: Scope): string {
  switch (scope) {
    case 'global':
      return '';
    case 'group':
      return `sgroup/${space.scalingGroup}`;
    case 'node':
      return `nodes/agents/${space.agentId}`;
  }
}

/**
 * The key in etcd. The empty key of a scope ends with the slash of its prefix; a slash in front of the key is lost in
 * the global scope and kept in the others, as upstream's clients have it.
 */
export function physicalKey(space: KeySpace, scope: Scope, key: string): string {
  const prefix = scopePrefix(space, scope).replace(/\/+$/, '');
  const logical = `${prefix === '' ? '' : `${prefix}/`}${key}`;
  return `/sorna/${space.namespace}/${logical.startsWith('/') ? logical.slice(1) : logical}`;
}

/** Quotes one component of a path, so that any text may stand in it. */
export function quoteComponent(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Undoes `quoteComponent`, leniently: what is no escape stays, what is no UTF-8 becomes U+FFFD. */
export function unquoteComponent(text: string): string {
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (escapes) =>
    Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}

/** The end of the range of all keys that begin with `prefix`; empty prefix = all keys. */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  const end = Buffer.from(prefix);
  for (let index = end.length - 1; index >= 0; index -= 1) {
    const byte = end[index] ?? 0xff;
    if (byte < 0xff) {
      end[index] = byte + 1;
      return end.subarray(0, index + 1);
    }
  }
  return Uint8Array.of(0);
}

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
