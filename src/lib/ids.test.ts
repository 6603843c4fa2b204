import { expect, it } from 'vitest';
import { parseKernelId, resolveKernelId } from './ids.ts';

const one = parseKernelId('aaaa0000-0000-4000-8000-000000000001');
const two = parseKernelId('aaaa0000-0000-4000-8000-000000000002');
const other = parseKernelId('bbbb0000-0000-4000-8000-000000000003');

it('finds a whole id, a unique prefix, in any case', () => {
  expect(resolveKernelId(one, [one, two, other])).toBe(one);
  expect(resolveKernelId('BBB', [one, two, other])).toBe(other);
});

it('says what is wrong with the rest', () => {
  expect(() => resolveKernelId('aaaa', [one, two])).toThrow(/2 kernels begin with aaaa/);
  expect(() => resolveKernelId('cc', [one])).toThrow(/no kernel cc/);
  expect(() => resolveKernelId('../etc', [one])).toThrow(/not a kernel id/);
  expect(() => resolveKernelId('', [one])).toThrow(/not a kernel id/);
});
