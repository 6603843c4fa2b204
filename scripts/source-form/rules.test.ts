import { expect, it } from 'vitest';
import { emptyComments } from './rules.mjs';

it('finds doc comments that say no more than a name', () => {
  const text = '/** The command. */\nexport const a = 1;\n/**\n * What it works with.\n */\n';
  expect(emptyComments(text)).toEqual([
    { line: 1, comment: 'The command.' },
    { line: 3, comment: 'What it works with.' },
  ]);
});

it('keeps short comments that say a unit, a form, a number or a default', () => {
  for (const comment of [
    '64 hex digits.',
    'Bytes of a path.',
    '`host:port`.',
    'null: no limit.',
    'Whole devices when absent.',
  ])
    expect(emptyComments(`/** ${comment} */`)).toEqual([]);
  expect(emptyComments('/** The process that the kernel began with. */')).toEqual([]);
});
