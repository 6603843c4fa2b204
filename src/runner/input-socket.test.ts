import { expect, it } from 'vitest';
import { parseQuestion } from './input-socket.ts';

it.each([
  ['{"prompt": "name? ", "password": true}\nrest', { prompt: 'name? ', password: true }],
  ['{"prompt": "two\\nlines"}', { prompt: 'two\nlines', password: false }],
  ['{"prompt": 5, "password": "yes"}', { prompt: '', password: false }],
  ['', { prompt: '', password: false }],
  ['GET / HTTP/1.1', { prompt: '', password: false }],
  ['null', { prompt: '', password: false }],
  ['[]', { prompt: '', password: false }],
])('a program that says %j asks %j', (text, question) => {
  expect(parseQuestion(text)).toEqual(question);
});
