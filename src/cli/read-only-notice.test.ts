import { expect, it } from 'vitest';
import { ReadOnlyWatch } from './read-only-notice.ts';

it.each([
  ["touch: cannot touch '/x': Read-only file system\n"],
  ["OSError: [Errno 30] Read-only file system: '/opt/x'\n"],
  ["Error: EROFS: read-only file system, open '/x'\n"],
])('a write to the root file system is known by %j, in pieces of any size', (line) => {
  for (const size of [1, 7, line.length]) {
    const watch = new ReadOnlyWatch();
    for (let at = 0; at < line.length; at += size) watch.take(Buffer.from(line.slice(at, at + size)));
    expect(watch.seen).toBe(true);
  }
});

it('nothing else counts', () => {
  const watch = new ReadOnlyWatch();
  for (const piece of ['read-only', ' file\n', 'system, Permission denied']) watch.take(Buffer.from(piece));
  expect(watch.seen).toBe(false);
});
