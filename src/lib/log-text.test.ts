import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { logText } from './log-text.ts';

const line = (fields: object): string =>
  `${JSON.stringify({ level: 40, time: new Date(2026, 0, 2, 3, 4, 5).toISOString(), ...fields })}\n`;

it('has the local time, the level, the message and the fields', () => {
  const text = logText(line({ msg: 'it is slow', kernel: 'ab', error: { code: 'X' }, note: 'two words', n: 3 }), false);
  expect(text).toBe('03:04:05 WARN  it is slow kernel=ab error={"code":"X"} note="two words" n=3\n');
});

it('has colours where they are wanted, and says the same', () => {
  const styled = logText(line({ msg: 'x', a: 'b' }), true);
  expect(styled).toContain('\u001B[33mWARN ');
  expect(stripVTControlCharacters(styled)).toBe(logText(line({ msg: 'x', a: 'b' }), false));
});

it('lets no text of a tenant move the cursor', () => {
  const text = logText(line({ msg: 'a\u001B[2J\nb', path: '\u202Egpj.exe', odd: '\u009B1m x' }), false);
  expect(text).toContain('a\\x1b[2J\\nb path=\\u202egpj.exe odd="\\x9b1m x"');
});
