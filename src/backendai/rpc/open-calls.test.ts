import { describe, expect, it } from 'vitest';
import { OpenCalls } from './open-calls.ts';

const identity = { method: 'm', orderKey: '' as string | Uint8Array, sequence: 1 };

describe('OpenCalls', () => {
  it('bounds the calls of a peer, of all, and their bytes, and lets one alone in whatever its size', () => {
    const calls = new OpenCalls({ peerCalls: 2, calls: 3, bytes: 100 });
    const big = calls.open('a', identity, 1000);
    expect(big).not.toBeNull();
    expect(calls.open('a', identity, 1)).toBeNull();
    if (big) calls.close(big);
    const [first, second] = [calls.open('a', identity, 10), calls.open('a', identity, 10)];
    expect(calls.open('a', identity, 10)).toBeNull();
    expect(calls.open('b', identity, 10)).not.toBeNull();
    expect(calls.open('c', identity, 10)).toBeNull();
    for (const call of [first, second]) if (call) calls.close(call);
    expect(calls.count).toBe(1);
    expect(calls.open('c', identity, 91)).toBeNull();
    expect(calls.open('c', identity, 90)).not.toBeNull();
  });

  it('is settled when the last call has closed, and at once when there is none', async () => {
    const calls = new OpenCalls({ peerCalls: 9, calls: 9, bytes: 100 });
    await calls.settled();
    const open = [calls.open('a', identity, 1), calls.open('b', identity, 1)];
    let isSettled = false;
    const settled = Promise.all([calls.settled(), calls.settled()]).then(() => {
      isSettled = true;
    });
    if (open[0]) calls.close(open[0]);
    await Promise.resolve();
    expect(isSettled).toBe(false);
    if (open[1]) calls.close(open[1]);
    await settled;
  });

  it('finds a call by peer, method, sequence and the type of its key', () => {
    const calls = new OpenCalls({ peerCalls: 9, calls: 9, bytes: 100 });
    const text = calls.open('a', identity, 1);
    const binary = calls.open('a', { ...identity, orderKey: Uint8Array.of(1, 2) }, 1);
    expect(calls.find('a', identity)).toBe(text);
    expect(calls.find('a', { ...identity, orderKey: Uint8Array.of(1, 2) })).toBe(binary);
    expect(calls.find('a', { ...identity, orderKey: new Uint8Array(0) })).toBeNull();
    expect(calls.find('a', { ...identity, sequence: 2 })).toBeNull();
    expect(calls.find('b', identity)).toBeNull();
    if (text) calls.close(text);
    if (text) calls.close(text);
    expect(calls.count).toBe(1);
    expect([...calls]).toEqual([binary]);
  });
});
