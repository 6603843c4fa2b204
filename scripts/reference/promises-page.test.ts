import { expect, it } from 'vitest';
import { promisesPage } from './promises-page.ts';

it('has a row for each promise, with a link to each test that holds it', () => {
  const promises = { users: { a: 'all is well' } };
  const tests = new Map([['a', [{ file: 'src/a.test.ts', title: 'is <b> | [c]' }]]]);
  const page = promisesPage([{ title: 'All', column: 'to', promises }], { tests, problems: [] });
  expect(page).toContain('## All\n\n| to | promise | tests |\n|---|---|---|\n');
  expect(page).toContain(String.raw`| users | all is well | [is \<b\> \| \[c\]](../src/a.test.ts) |`);
});
