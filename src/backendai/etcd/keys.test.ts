import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../../test/vectors/events/etcd-24.09.json' with { type: 'json' };
import { type KeySpace, physicalKey, prefixEnd, quoteComponent, unquoteComponent } from './keys.ts';

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
