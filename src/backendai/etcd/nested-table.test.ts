import { describe, expect, it } from 'vitest';
import vectors from '../../../test/vectors/events/etcd-24.09.json' with { type: 'json' };
import { type KeySpace, physicalKey, readOrder, type Scope } from './keys.ts';
import { flattenTable, isNested, nestPairs, overlayTables } from './nested-table.ts';

const space: KeySpace = { namespace: vectors.namespace, agentId: 'i-vector01', scalingGroup: 'gpu' };
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
