import { closeSync, openSync } from 'node:fs';
import { expect, it } from 'vitest';
import { LOCK_EX, LOCK_NB, loadNative } from './native.ts';

it('flock locks, refuses a second descriptor with EWOULDBLOCK, and names a bad descriptor', async () => {
  const native = await loadNative();
  const first = openSync('/dev/null', 'r');
  const second = openSync('/dev/null', 'r');
  try {
    expect(native.flock(first, LOCK_EX | LOCK_NB)).toBeNull();
    expect(['EAGAIN', 'EWOULDBLOCK']).toContain(native.flock(second, LOCK_EX | LOCK_NB)?.code);
    expect(native.flock(-1, LOCK_EX)?.code).toBe('EBADF');
  } finally {
    closeSync(first);
    closeSync(second);
  }
});
