import { describe, expect, it } from 'vitest';
import { PeerBacklog } from './peer-backlog.ts';

/** A message that takes so many bytes, 256 of them for being one. */
const message = (size: number): Uint8Array[] => [new Uint8Array(size - 256)];

describe('PeerBacklog', () => {
  it('keeps the order of each peer and forgets an empty line', () => {
    const backlog = new PeerBacklog({ peerBytes: 1000, totalBytes: 1000 });
    const [first, second] = [message(300), message(400)];
    expect(backlog.add('a', first)).toBe(true);
    expect(backlog.add('a', second)).toBe(true);
    expect(backlog.first('a')).toBe(first);
    backlog.shift('a');
    expect(backlog.first('a')).toBe(second);
    backlog.shift('a');
    expect(backlog.has('a')).toBe(false);
    expect(backlog.bytes).toBe(0);
  });

  it('takes a long line apart as fast as a short one', () => {
    const backlog = new PeerBacklog({ peerBytes: 2 ** 40, totalBytes: 2 ** 40 });
    const count = 300_000;
    for (let index = 0; index < count; index += 1) backlog.add('a', [Buffer.from(String(index))]);
    const begun = performance.now();
    for (let index = 0; index < count; index += 1) {
      if (String(backlog.first('a')?.[0]) !== String(index)) throw new Error(`not the message ${index}`);
      backlog.shift('a');
    }
    // A hundred times as long where each takes its turn in an array.
    expect(performance.now() - begun).toBeLessThan(3_000);
    expect([backlog.bytes, backlog.has('a')]).toEqual([0, false]);
  });

  it('refuses what is above the bound of a peer, or of all', () => {
    const backlog = new PeerBacklog({ peerBytes: 500, totalBytes: 800 });
    expect(backlog.add('a', message(500))).toBe(true);
    expect(backlog.add('a', message(256))).toBe(false);
    expect(backlog.add('b', message(301))).toBe(false);
    expect(backlog.add('b', message(300))).toBe(true);
    backlog.forget('a');
    expect(backlog.add('a', message(500))).toBe(true);
    expect(backlog.bytes).toBe(800);
  });
});
