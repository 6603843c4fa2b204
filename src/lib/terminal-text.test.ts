import { expect, it } from 'vitest';
import { printable, printableLines, styled, takesStyles } from './terminal-text.ts';

it.each([
  ['plain größe → 日本 👍', 'plain größe → 日本 👍'],
  ['a\nb\tc\rd', 'a\\nb\\tc\\rd'],
  ['\u001B[2J\u009B1m\u007F\0', '\\x1b[2J\\x9b1m\\x7f\\x00'],
  // Text that runs from right to left, or that can't be seen.
  ['\u202Egpj.exe\u200B\u2028', '\\u202egpj.exe\\u200b\\u2028'],
  ['\u{E0067}', '\\u{e0067}'],
  // Joined emoji and letters that are parted, and neither of it where there is nothing to join.
  [
    '\u{1F469}\u200D\u{1F4BB} \u{1F469}\u{1F3FD}\u200D\u{1F680} \u2764\uFE0F\u200D\u{1F525}',
    '\u{1F469}\u200D\u{1F4BB} \u{1F469}\u{1F3FD}\u200D\u{1F680} \u2764\uFE0F\u200D\u{1F525}',
  ],
  ['\u0645\u06CC\u200C\u062E\u0648\u0627\u0647\u0645', '\u0645\u06CC\u200C\u062E\u0648\u0627\u0647\u0645'],
  ['\u200Ca\u200D.\u200C', '\\u200ca\\u200d.\\u200c'],
  ['a\u200C\u200Cb', 'a\\u200c\\u200cb'],
  ['half \uD83D', 'half \uFFFD'],
])('%j is written as %j', (text, shown) => {
  expect(printable(text)).toBe(shown);
});

it('several lines stay so, and none behind the first looks like one of ours', () => {
  expect(printableLines('a\x1b[2J\nkernelet: all is well\r\n  b')).toBe('a\\x1b[2J\n  kernelet: all is well\\r\n  b');
});

it.each([
  [{}, true],
  [{ TERM: 'xterm', NO_COLOR: '' }, true],
  [{ TERM: 'dumb' }, false],
  [{ NO_COLOR: '1' }, false],
])('a terminal whose user has %j takes colours: %s', (environ, expected) => {
  expect(takesStyles(environ)).toBe(expected);
});

it('text has its style whether this process has a terminal or not', () => {
  expect(styled('red', 'x')).toBe('\u001B[31mx\u001B[39m');
});
