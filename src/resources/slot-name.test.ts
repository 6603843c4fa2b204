import { describe, expect, it } from 'vitest';
import { areExclusive, belongsTo, checkAcceleratorSlots, deviceOfSlot } from './slot-name.ts';

describe('slot names', () => {
  it('begin with their device', () => {
    expect(['cpu', 'cuda.shares', 'cuda.device:10g-mig'].map(deviceOfSlot)).toEqual(['cpu', 'cuda', 'cuda']);
    expect([belongsTo('cuda.device', 'cuda'), belongsTo('cudax.device', 'cuda'), belongsTo('cpu', 'cpu')]).toEqual([
      true,
      false,
      true,
    ]);
    expect(() => checkAcceleratorSlots('cuda', ['cuda.device', 'rocm.device'])).toThrow(
      "must be prefixed by the plugin's key. (the plugin cuda has the slot rocm.device)",
    );
    expect(() => checkAcceleratorSlots('cuda', ['cuda.device'])).not.toThrow();
  });

  it.each([
    ['a.*', 'a.x', true],
    ['a.*', 'axx', false],
    ['*.[xy]', 'a.y', true],
    ['*.[!xy]', 'a.y', false],
    ['*.[!xy]', 'a.z', true],
    ['*.[]x]', 'a.]', true],
    ['*?[', 'ab[', true],
    ['*(+)', 'a(+)', true],
    ['*', 'line\nend', true],
    ['a.?', 'a.x', false],
  ])('match the pattern %j or not: %j', (pattern, slot, matches) => {
    // The other one is in the set by its name; without a `*`, a set's entry is a name.
    expect(areExclusive([pattern, 'other'], slot, 'other')).toBe(matches);
  });
});
