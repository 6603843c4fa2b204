import { expect, it } from 'vitest';
import { parseKernelId } from '../lib/ids.ts';
import { assertFree, resolveKernelId } from './kernel-names.ts';

const idOf = (first: string, last: number) => parseKernelId(`${first}-0000-4000-8000-00000000000${last}`);
const one = { id: idOf('aaaa0000', 1), name: 'web' };
const two = { id: idOf('aaaa0000', 2), name: null };
const other = { id: idOf('bbbb0000', 3), name: 'aaaa' };

it('finds a whole id, a name, and the unique beginning of an id in any case', () => {
  const all = [one, two, other];
  expect(resolveKernelId(two.id.toUpperCase(), all)).toBe(two.id);
  expect(resolveKernelId('web', all)).toBe(one.id);
  expect(resolveKernelId('BBB', all)).toBe(other.id);
});

it('takes a name before the beginning of an id, as it is written', () => {
  expect(resolveKernelId('aaaa', [one, two, other])).toBe(other.id);
  expect(() => resolveKernelId('WEB', [one])).toThrow(/no kernel WEB/);
});

it('says which kernels an id may mean', () => {
  expect(() => resolveKernelId('aaa', [one, two])).toThrow(`2 kernels begin with aaa: ${one.id} (web), ${two.id}`);
  const many = [1, 2, 3, 4, 5, 6].map((last) => ({ id: idOf('cccc0000', last), name: null }));
  expect(() => resolveKernelId('c', many)).toThrow(/ and 2 more$/);
});

it('says what is wrong with the rest', () => {
  expect(() => resolveKernelId('cc', [one])).toThrow(/no kernel cc/);
  expect(() => resolveKernelId('../etc', [one])).toThrow(/not a kernel id/);
  expect(() => resolveKernelId('', [one])).toThrow(/not a kernel id/);
});

it('refuses a second kernel of an id or a name', () => {
  expect(() => assertFree(two, [one])).not.toThrow();
  expect(() => assertFree({ ...two, name: 'web' }, [one])).toThrow(`there is a kernel called web already: ${one.id}`);
  expect(() => assertFree({ ...one, name: null }, [one])).toThrow(`there is a kernel ${one.id} already`);
});
