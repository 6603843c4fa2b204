import { expect, it } from 'vitest';
import { answerBytes, parseQuestion } from './input-socket.ts';

it.each([
  ['{"prompt": "name? ", "password": true}\nrest', { prompt: 'name? ', password: true, line: false }],
  ['{"line": true}', { prompt: '', password: false, line: true }],
  ['{"prompt": "two\\nlines"}', { prompt: 'two\nlines', password: false, line: false }],
  ['{"prompt": 5, "password": "yes"}', { prompt: '', password: false, line: false }],
  ['', { prompt: '', password: false, line: false }],
  ['GET / HTTP/1.1', { prompt: '', password: false, line: false }],
  ['null', { prompt: '', password: false, line: false }],
  ['[]', { prompt: '', password: false, line: false }],
])('a program that says %j asks %j', (text, question) => {
  expect(parseQuestion(text)).toEqual(question);
});

it('an answer to a question ends with a newline where that is asked for, and the end of the input is empty', () => {
  expect([answerBytes('', true), answerBytes('a', true), answerBytes('a\n', true)]).toEqual(['\n', 'a\n', 'a\n']);
  expect([answerBytes('', false), answerBytes('a', false)]).toEqual(['', 'a']);
  expect([answerBytes(null, true), answerBytes(null, false)]).toEqual(['', '']);
});
