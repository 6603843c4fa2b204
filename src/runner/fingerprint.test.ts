import { expect, it } from 'vitest';
import type { ExecuteRequest } from '../protocol/execute-request.ts';
import { fingerprint } from './fingerprint.ts';

it('tells requests apart by every part, and takes equal ones for one', () => {
  const requests: readonly ExecuteRequest[] = [
    { mode: 'query', code: 'ab', timeoutMs: null },
    { mode: 'query', code: 'ba', timeoutMs: null },
    { mode: 'query', code: 'ab', timeoutMs: 1 },
    { mode: 'query', code: 'ab\0', timeoutMs: null },
    { mode: 'command', argv: ['ab'], timeoutMs: null },
    { mode: 'command', argv: ['a', 'b'], timeoutMs: null },
    ...Array.from({ length: 2000 }, (_, index) => ({ mode: 'query', code: `x = ${index}`, timeoutMs: null }) as const),
  ];
  expect(new Set(requests.map(fingerprint)).size).toBe(requests.length);
  for (const request of requests) expect(fingerprint(structuredClone(request))).toBe(fingerprint(request));
});
