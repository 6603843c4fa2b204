/** How logical keys of the cluster become keys of etcd: namespace, scope and quoting (spec cluster-state 1.2, 1.3). */

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
