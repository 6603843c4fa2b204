import { expect, it } from 'vitest';
import { clockResult } from './clock-check.ts';

const now = new Date('2026-05-04T03:02:01Z');

it.each([
  ['yes\n', 'ok', /2026-05-04T03:02:01\.000Z, synchronized$/],
  ['no\n', 'warning', /not synchronized/],
  [null, 'ok', /is unknown/],
] as const)('what timedatectl says, %j, is %s', (said, state, detail) => {
  expect(clockResult(now, said)).toMatchObject({ state, detail: expect.stringMatching(detail) });
});

it('a time before this program is wrong, whatever is said', () => {
  expect(clockResult(new Date(0), 'yes')).toMatchObject({ state: 'failed', fix: 'timedatectl set-ntp true' });
});
