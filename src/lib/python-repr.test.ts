import { expect, it } from 'vitest';
import { pythonRepr } from './python-repr.ts';

it.each([
  ['plain', "'plain'"],
  ["it's", '"it\'s"'],
  ['both \' and "', "'both \\' and \"'"],
  ['a\\b\nc\td\r', "'a\\\\b\\nc\\td\\r'"],
  ['\x00\x7f\xa0', "'\\x00\\x7f\\xa0'"],
  ['한글 🙂', "'한글 🙂'"],
])('shows %j as Python does', (text, shown) => {
  expect(pythonRepr(text)).toBe(shown);
});
