import { expect, it } from 'vitest';
import { emptyComments, problemsOf } from './rules.mjs';

it('finds doc comments that say no more than a name', () => {
  const text = ['/', '** The command. */\nexport const a = 1;\n/', '**\n * What it works with.\n */\n'].join('');
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
    'Throws RUN_NOT_FOUND.',
    '@type {string[]}',
  ])
    expect(emptyComments(`/${'*'.repeat(2)} ${comment} */`)).toEqual([]);
  expect(emptyComments('/** The process that the kernel began with. */')).toEqual([]);
});

it('allows files of 500 lines and no longer ones', () => {
  expect(problemsOf('src/a.ts', 'line\n'.repeat(500))).toEqual([]);
  expect(problemsOf('src/a.ts', 'line\n'.repeat(501))).toEqual(['src/a.ts has 501 lines, more than 500']);
});

it('finds the marks of a merge, also in prose, which may have any length', () => {
  const marks = ['<', '>'].map((mark) => `# Title\n${mark.repeat(7)} theirs\n`);
  for (const text of marks) expect(problemsOf('docs/a.md', text)).toHaveLength(1);
  expect(problemsOf('docs/a.md', `Title\n=======\n${'line\n'.repeat(501)}`)).toEqual([]);
});
