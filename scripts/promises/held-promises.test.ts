import { expect, it } from 'vitest';
import { heldPromises } from './held-promises.ts';

const sections = [{ title: 'All', column: 'to' as const, promises: { users: { a: 'a holds', b: 'b holds' } } }];
const tagged = (tag: string, title: string): string => `// @promise ${tag}\nit('${title}', () => {});\n`;
const held = (...texts: string[]) =>
  heldPromises(
    sections,
    texts.map((text, at) => ({ path: `${at}.test.ts`, text })),
  );

it('gives each promise the tests that are tagged with it', () => {
  const { tests, problems } = held(tagged('a', 'one') + tagged('a, b', 'two'), tagged('b', 'three'));
  const [one, two, three] = [
    { file: '0.test.ts', title: 'one' },
    { file: '0.test.ts', title: 'two' },
    { file: '1.test.ts', title: 'three' },
  ];
  expect([...tests]).toEqual([
    ['a', [one, two]],
    ['b', [two, three]],
  ]);
  expect(problems).toEqual([]);
});

it('finds a promise without a test, a tag without a promise, and one above no test', () => {
  expect(held(`${tagged('a, c', 'one')}// @promise b\n`, '').problems).toEqual([
    '0.test.ts:3: this tag is directly above no test',
    '0.test.ts: "one" is to hold the promise c, which scripts/promises/promises.json lacks',
    'no test holds the promise b',
  ]);
  expect(held(`// @promise b\nconst x = 1;\n${tagged('a, b', 'one')}`).problems).toEqual([
    '0.test.ts:1: this tag is directly above no test',
  ]);
});

it('finds two promises of one id', () => {
  const twice = [
    { title: 'All', column: 'to' as const, promises: { users: { a: 'so' }, managers: { a: 'otherwise' } } },
  ];
  expect(heldPromises(twice, [{ path: 'x.test.ts', text: tagged('a', 'one') }]).problems).toEqual([
    'two promises are called a',
  ]);
});
