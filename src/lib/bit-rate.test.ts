import { expect, it } from 'vitest';
import { formatBitRate, parseBitRate } from './bit-rate.ts';

it.each([
  ['512kbit', 512_000],
  ['10mbit', 10_000_000],
  ['1.5 Gbit', 1_500_000_000],
  ['64.5kbit', 64_500],
  ['100gbit', 100_000_000_000],
])('reads %s as bits a second, and writes a form that means the same', (text, rate) => {
  expect(parseBitRate(text)).toBe(rate);
  expect(parseBitRate(formatBitRate(rate))).toBe(rate);
});

it.each(['', '10', '10m', '10mbps', '63kbit', '101gbit', '-1mbit', '1e9gbit', '0mbit'])('refuses %j', (text) => {
  expect(() => parseBitRate(text, '--bandwidth')).toThrow(/^--bandwidth .* is not a rate such as/);
});
