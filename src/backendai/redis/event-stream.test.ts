import { expect, it } from 'vitest';
import { isBefore } from './event-stream.ts';

it('orders ids of entries by time and then by number, beyond what floats hold', () => {
  expect(isBefore('5-9', '10-0')).toBe(true);
  expect(isBefore('10-2', '10-10')).toBe(true);
  expect(isBefore('10-2', '10-2')).toBe(false);
  expect(isBefore('18446744073709551614-0', '18446744073709551615-0')).toBe(true);
});
