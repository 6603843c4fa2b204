import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { childrenMs } from './program-usage.ts';

it('the time of children is read behind any name, and grows by what an ended one has used', () => {
  const fields = Array.from({ length: 50 }, (_, index) => String(index + 3));
  expect(childrenMs(`7 (a) b (c)) ${fields.join(' ')}`)).toBe((16 + 17) * 10);
  const before = childrenMs(readFileSync('/proc/self/stat', 'utf8'));
  execFileSync('/bin/sh', ['-c', 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done']);
  expect(childrenMs(readFileSync('/proc/self/stat', 'utf8'))).toBeGreaterThan(before);
});
