import { expect, it } from 'vitest';
import { entryComponents, linkStaysInside } from './archive-path.ts';

it('splits honest names', () => {
  expect(entryComponents('./a//b/')).toEqual(['a', 'b']);
  expect(entryComponents('.')).toEqual([]);
  expect(entryComponents('..a/-rf/b..')).toEqual(['..a', '-rf', 'b..']);
});

it.each(['/etc/passwd', '..', 'a/../b', '../x', 'a\0b'])('refuses the name %j', (name) => {
  expect(() => entryComponents(name)).toThrow('which lies outside of it');
});

it('tells links that stay inside from those that leave', () => {
  const inside = (entry: string, target: string) => linkStaysInside(entry.split('/'), target);
  expect(inside('a', 'b')).toBe(true);
  expect(inside('a/b', '../c')).toBe(true);
  expect(inside('a/b', './x/y')).toBe(true);
  expect(inside('a', '../c')).toBe(false);
  expect(inside('a/b', '../../c')).toBe(false);
  expect(inside('a', '/etc/passwd')).toBe(false);
  expect(inside('a/b', 'c/../../..')).toBe(false);
  expect(inside('a', '')).toBe(false);
});
