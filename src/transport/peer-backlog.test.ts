import { describe, expect, it } from 'vitest';
import { PeerBacklog } from './peer-backlog.ts';

const message = (size: number): Uint8Array[] => [new Uint8Array(size)];

describe('PeerBacklog', () => {
  it('keeps the order of each peer and forgets an empty line', () => {
    const backlog = new PeerBacklog({ peerBytes: 100, totalBytes: 100 });
    const [first, second] = [message(10), message(20)];
    expect(backlog.add('a', first)).toBe(true);
    expect(backlog.add('a', second)).toBe(true);
    expect(backlog.first('a')).toBe(first);
    backlog.shift('a');
    expect(backlog.first('a')).toBe(second);
    backlog.shift('a');
    expect(backlog.has('a')).toBe(false);
    expect(backlog.bytes).toBe(0);
  });

  it('refuses what is above the bound of a peer, or of all', () => {
    const backlog = new PeerBacklog({ peerBytes: 50, totalBytes: 80 });
    expect(backlog.add('a', message(50))).toBe(true);
    expect(backlog.add('a', message(1))).toBe(false);
    expect(backlog.add('b', message(31))).toBe(false);
    expect(backlog.add('b', message(30))).toBe(true);
    backlog.forget('a');
    expect(backlog.add('b', message(20))).toBe(true);
    expect(backlog.bytes).toBe(50);
  });
});
