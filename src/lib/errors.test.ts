import { expect, it } from 'vitest';
import { KerneletError, toKerneletError } from './errors.ts';

// @promise clear-errors
it('gives everything that is thrown a code, and keeps it as the cause', () => {
  const known = new KerneletError('KERNEL_NOT_FOUND', 'no kernel');
  expect(toKerneletError(known)).toBe(known);
  const late = AbortSignal.abort(new DOMException('late', 'TimeoutError')).reason;
  for (const [thrown, code] of [
    [AbortSignal.abort().reason, 'CANCELLED'],
    [late, 'DEADLINE_EXCEEDED'],
    [new Error('odd'), 'INTERNAL'],
    ['a text', 'INTERNAL'],
  ] as const) {
    expect(toKerneletError(thrown)).toMatchObject({ code, cause: thrown });
  }
});
