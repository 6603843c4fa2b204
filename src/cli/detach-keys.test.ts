import { describe, expect, it } from 'vitest';
import { DetachKeys, parseDetachKeys } from './detach-keys.ts';

const typed = (keys: string | undefined, ...pieces: readonly string[]) => {
  const detach = new DetachKeys(parseDetachKeys(keys));
  return pieces.map((piece) => {
    const { typed: text, detached } = detach.take(Buffer.from(piece));
    return Buffer.from(text).toString() + (detached ? '!' : '');
  });
};

describe('the keys by which one detaches', () => {
  it.each<[string | undefined, string[], string[]]>([
    [undefined, ['ab'], ['ab']],
    [undefined, ['a\x10\x11b'], ['a!']],
    [undefined, ['a\x10', '\x11'], ['a', '!']],
    [undefined, ['\x10', 'x'], ['', '\x10x']],
    [undefined, ['\x10\x10\x11'], ['\x10!']],
    [undefined, ['\x11\x10'], ['\x11']],
    ['', ['\x10\x11'], ['\x10\x11']],
    ['ctrl-]', ['a\x1d'], ['a!']],
    ['a,b', ['aab'], ['a!']],
    ['ctrl-@,x', ['\0', 'x'], ['', '!']],
    [undefined, ['größe'], ['größe']],
  ])('%j in %j leaves %j', (keys, pieces, left) => {
    expect(typed(keys, ...pieces)).toEqual(left);
  });

  it.each(['ctrl-', 'ctrl-1', 'ab', 'ctrl-p,', 'ä', 'ctrl-P'])('%j is refused', (keys) => {
    expect(() => parseDetachKeys(keys)).toThrow(/--detach-keys/);
  });
});
