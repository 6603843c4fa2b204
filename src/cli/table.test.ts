import { expect, it } from 'vitest';
import { facts, table } from './table.ts';

it('a table aligns its columns by characters, and has no spaces at the end of a line', () => {
  const columns = [{ heading: 'NAME' }, { heading: 'SIZE', align: 'right' as const }, { heading: 'NOTE' }];
  const rows = [['größe→', '1', ''], ['\u001B[32mok\u001B[39m', '12345', 'x'], ['short']];
  expect(table(columns, rows)).toBe(
    ['NAME     SIZE  NOTE', 'größe→      1', '\u001B[32mok\u001B[39m      12345  x', 'short', ''].join('\n'),
  );
});

it('a table without rows has its heading only', () => {
  expect(table([{ heading: 'ID' }], [])).toBe('ID\n');
});

it('facts have their values in one column', () => {
  expect(
    facts([
      ['id', '1'],
      ['longer', '2'],
    ]),
  ).toBe('id:     1\nlonger: 2\n');
  expect(facts([])).toBe('');
});
