import { expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { Access } from './access.ts';

it('lets in whoever shows the whole token, and nobody else', () => {
  const access = new Access(new FakeClock());
  const shown = [undefined, '', 'sesam', 'sesame ', 'sesame, sesame', 'sesame'];
  expect(shown.map((token, index) => access.check(`10.0.0.${index}`, token, 'sesame'))).toEqual([
    ...Array(5).fill('refused'),
    'granted',
  ]);
  // The characters of a header are bytes.
  expect(access.check('10.0.1.1', Buffer.from('öffne').toString('latin1'), 'öffne')).toBe('granted');
});

it('lets no address guess for long, and others be', async () => {
  const clock = new FakeClock();
  const access = new Access(clock);
  const guess = (address: string) => access.check(address, 'x', 'sesame');
  expect(Array.from({ length: 10 }, () => guess('10.0.0.1'))).toEqual(Array(10).fill('refused'));
  expect(guess('10.0.0.1')).toBe('limited');
  // Even the right one is not looked at: it would tell a guesser.
  expect(access.check('10.0.0.1', 'sesame', 'sesame')).toBe('limited');
  expect(access.check('10.0.0.2', 'sesame', 'sesame')).toBe('granted');
  await clock.advance(1_000);
  expect([guess('10.0.0.1'), guess('10.0.0.1')]).toEqual(['refused', 'limited']);
  await clock.advance(1_000);
  for (let times = 0; times < 30; times += 1) expect(access.check('10.0.0.1', 'sesame', 'sesame')).toBe('granted');
});

it('remembers so many addresses and no more', () => {
  const access = new Access(new FakeClock());
  for (let times = 0; times < 11; times += 1) access.check('first', 'x', 'sesame');
  expect(access.check('first', 'x', 'sesame')).toBe('limited');
  for (let index = 0; index < 1024; index += 1) access.check(`a${index}`, 'x', 'sesame');
  expect(access.check('first', 'x', 'sesame')).toBe('refused');
});
