import { expect, it } from 'vitest';
import { recordFixture, specFixture } from '../../test/support/kernel-record.ts';
import { everything, type KernelFilter, labelFilter, passes } from './kernel-filter.ts';

const kernel = recordFixture({
  spec: specFixture({
    name: 'web-1',
    labels: [
      ['team', 'data'],
      ['empty', ''],
    ],
  }),
});

it.each<[Partial<KernelFilter>, boolean]>([
  [{}, true],
  [{ names: ['web'] }, true],
  [{ names: ['db', 'b-1'] }, true],
  [{ names: ['db'] }, false],
  [{ labels: [labelFilter('team')] }, true],
  [{ labels: [labelFilter('team=data'), labelFilter('empty=')] }, true],
  [{ labels: [labelFilter('team=data'), labelFilter('empty=x')] }, false],
  [{ labels: [labelFilter('other')] }, false],
  [{ phases: ['terminating', 'running'] }, true],
  [{ phases: ['terminated'] }, false],
  [{ names: ['web'], phases: ['terminated'] }, false],
])('%j: %s', (filter, expected) => {
  expect(passes(kernel, { ...everything, ...filter })).toBe(expected);
});

it('passes no kernel without a name for one', () => {
  expect(passes(recordFixture(), { ...everything, names: ['w'] })).toBe(false);
});
