import { expect, it } from 'vitest';
import { maxDisplayBytes } from '../../protocol/display.ts';
import { formsOf } from './mime-bundle.ts';

it('every form of a value is kept, in its order, with its content as it is meant', () => {
  expect(
    formsOf({
      'image/png': 'aG\nk=\n',
      'image/svg+xml': ['<svg>', '</svg>'],
      'application/json': 'a text',
      'application/geo+json': [1],
      'text/latex': '$x$',
      'text/plain': '2',
    }),
  ).toEqual([
    { type: 'image/png', encoding: 'base64', data: 'aGk=' },
    { type: 'image/svg+xml', encoding: 'text', data: '<svg></svg>' },
    { type: 'application/json', encoding: 'text', data: '"a text"' },
    { type: 'application/geo+json', encoding: 'text', data: '[1]' },
    { type: 'text/latex', encoding: 'text', data: '$x$' },
    { type: 'text/plain', encoding: 'text', data: '2' },
  ]);
});

it('a form that is too large is told by its size, and what is no form is left out', () => {
  expect(formsOf({ 'text/plain': 'é'.repeat(maxDisplayBytes), 'no type': 'x', 'text/html': 'y' })).toEqual([
    { type: 'text/plain', bytes: 2 * maxDisplayBytes },
    { type: 'text/html', encoding: 'text', data: 'y' },
  ]);
  for (const data of [null, undefined, 'text', ['text/plain']]) expect(formsOf(data)).toEqual([]);
});
