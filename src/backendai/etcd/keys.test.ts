import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import vectors from '../../../test/vectors/events/etcd-24.09.json' with { type: 'json' };
import {
  flattenTable,
  isNested,
  type KeySpace,
  nestPairs,
  overlayTables,
  physicalKey,
  prefixEnd,
  quoteComponent,
  readOrder,
  type Scope,
  unquoteComponent,
} from './keys.ts';

const space: KeySpace = { namespace: vectors.namespace, agentId: 'i-vector01', scalingGroup: 'gpu' };

describe('physicalKey', () => {
  it('makes the bytes of the recorded keys', () => {
    expect(physicalKey(space, 'node', '')).toBe('/sorna/local/nodes/agents/i-vector01/');
    expect(physicalKey(space, 'node', 'ip')).toBe('/sorna/local/nodes/agents/i-vector01/ip');
    expect(physicalKey(space, 'group', 'config/redis/addr')).toBe('/sorna/local/sgroup/gpu/config/redis/addr');
    expect(physicalKey(space, 'global', '/lead')).toBe('/sorna/local/lead');
    expect(physicalKey(space, 'global', '//two')).toBe('/sorna/local//two');
    expect(physicalKey(space, 'node', '/lead')).toBe('/sorna/local/nodes/agents/i-vector01//lead');
  });
});

describe('quoteComponent', () => {
  it('quotes as recorded', () => {
    const pairs = vectors.cases.find((one) => one.case === 'quote()')?.pairs ?? [];
    expect(pairs.length).toBeGreaterThan(10);
    for (const [plain = '', quoted = ''] of pairs) {
      expect(quoteComponent(plain)).toBe(quoted);
      expect(unquoteComponent(quoted)).toBe(plain);
    }
  });

  it('is undone for any text, and what is no quoted text is read without throwing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(unquoteComponent(quoteComponent(text))).toBe(text);
      }),
    );
    expect(unquoteComponent('100%')).toBe('100%');
    expect(unquoteComponent('a%zzb%4')).toBe('a%zzb%4');
    expect(unquoteComponent('%ff')).toBe('\ufffd');
  });
});

describe('prefixEnd', () => {
  it('is the first key after all that begin with the prefix', () => {
    expect(Buffer.from(prefixEnd(Buffer.from('a/'))).toString()).toBe('a0');
    expect([...prefixEnd(Uint8Array.of(1, 0xff, 0xff))]).toEqual([2]);
    expect([...prefixEnd(Uint8Array.of(0xff))]).toEqual([0]);
  });
});
const caseOf = (start: string) => {
  const found = vectors.cases.find((one) => one.case.startsWith(start));
  if (!found) throw new Error(`no case ${start}`);
  return found;
};
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** What a plain prefix read finds, as upstream reads. */
function below(etcd: Readonly<Record<string, string>>, prefix: string) {
  return nestPairs(
    Object.entries(etcd).filter(([key]) => key.startsWith(prefix)),
    prefix,
  );
}

describe('nestPairs', () => {
  it('makes the recorded tables, where a key is value and folder too', () => {
    const { etcd, get_prefix: reads } = caseOf('a key that is both value and directory') as unknown as {
      etcd: Record<string, string>;
      get_prefix: Record<string, unknown>;
    };
    for (const [prefix, table] of Object.entries(reads)) {
      expect(plain(below(etcd, physicalKey(space, 'global', prefix)))).toEqual(table);
    }
  });

  it('keeps names that objects have of themselves', () => {
    const table = nestPairs(
      [
        ['/a/__proto__/x', '1'],
        ['/a/constructor', '2'],
      ],
      '/a',
    );
    expect(Object.keys(table).sort()).toEqual(['__proto__', 'constructor']);
    expect(Object.values(table).map(isNested)).toEqual([true, false]);
  });
});

describe('overlayTables', () => {
  it('merges the recorded scopes, whole sub-trees at a time', () => {
    const recorded = caseOf('scope merge is shallow') as unknown as Record<string, unknown> & {
      etcd: Record<string, string>;
    };
    const merged = (scope: Scope): unknown =>
      plain(
        overlayTables(readOrder[scope].map((one) => below(recorded.etcd, physicalKey(space, one, 'config/redis')))),
      );
    expect(merged('node')).toEqual(recorded['merged']);
    expect(merged('node')).toEqual(recorded['scope_NODE']);
    expect(merged('group')).toEqual(recorded['scope_SGROUP']);
    expect(merged('global')).toEqual(recorded['scope_GLOBAL']);
  });
});

describe('flattenTable', () => {
  it('makes the recorded keys, which nest to the same table again', () => {
    const {
      input,
      etcd,
      read_back: back,
    } = caseOf('put_prefix quotes') as unknown as {
      input: { prefix: string; dict: Record<string, Record<string, string>> };
      etcd: Record<string, string>;
      read_back: unknown;
    };
    const pairs = flattenTable(input.prefix, input.dict).map(([key, value]) => [
      physicalKey(space, 'global', key),
      value,
    ]);
    expect(Object.fromEntries(pairs)).toEqual(etcd);
    expect(plain(below(etcd, physicalKey(space, 'global', input.prefix)))).toEqual(back);
  });
});
