import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { greeting, messageOf, pongCommand, readyCommand, subscribeToAll, type ZmtpEvent, ZmtpReader } from './zmtp.ts';

const bounds = { bytes: 64 * 1024 * 1024, frames: 64 };
const opening = Buffer.concat([greeting(), readyCommand('ROUTER', '')]);

function read(...chunks: readonly Buffer[]): ZmtpEvent[] {
  const reader = new ZmtpReader(bounds);
  return chunks.flatMap((chunk) => reader.push(chunk));
}

/** A frame's header with a length that need not be true. */
function announced(flags: number, size: bigint): Buffer {
  const header = Buffer.alloc(9);
  header[0] = flags | 2;
  header.writeBigUInt64BE(size, 1);
  return header;
}

describe('what is sent', () => {
  it('is as the specification has it', () => {
    expect(greeting().toString('hex')).toBe(`ff00000000000000007f03004e554c4c${'00'.repeat(48)}`);
    expect(readyCommand('SUB', 'me').toString('latin1')).toBe(
      '\x04\x28\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB\x08Identity\x00\x00\x00\x02me',
    );
    expect(subscribeToAll()).toEqual(Buffer.from([0, 1, 1]));
    expect(pongCommand(Buffer.from('ab'))).toEqual(Buffer.from('\x04\x07\x04PONGab'));
    const long = Buffer.alloc(256, 'x');
    expect(messageOf([Buffer.from('a'), long])).toEqual(
      Buffer.concat([Buffer.from('\x01\x01a\x02\x00\x00\x00\x00\x00\x00\x01\x00', 'latin1'), long]),
    );
  });
});

describe('what a peer sends', () => {
  it('is read alike however it is cut', () => {
    const frames = fc.array(fc.uint8Array({ maxLength: 600 }), { minLength: 1, maxLength: 5 });
    const messages = fc.array(frames, { maxLength: 6 });
    fc.assert(
      fc.property(messages, fc.array(fc.nat(), { maxLength: 40 }), (sent, cuts) => {
        const bytes = Buffer.concat([opening, ...sent.map(messageOf)]);
        const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
        const chunks = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
        expect(read(...chunks)).toEqual([
          { kind: 'greeted' },
          { kind: 'ready' },
          ...sent.map((message) => ({ kind: 'message', frames: message.map((frame) => Buffer.from(frame)) })),
        ]);
      }),
    );
  });

  it('is nothing as long as a frame is not complete', () => {
    const bytes = Buffer.concat([opening, messageOf([Buffer.from('ab'), Buffer.from('cd')])]);
    for (let end = opening.length; end < bytes.length; end += 1) {
      expect(read(bytes.subarray(0, end)).map(({ kind }) => kind)).toEqual(['greeted', 'ready']);
    }
  });

  it('is left out when it is over a bound, and what follows is read', () => {
    const after = messageOf([Buffer.from('after')]);
    const large = Buffer.alloc(1024 * 1024);
    const reader = new ZmtpReader(bounds);
    reader.push(opening);
    const size = bounds.bytes + 1;
    reader.push(announced(0, BigInt(size)));
    for (let left = size; left > 0; left -= large.length) {
      const events = reader.push(large.subarray(0, Math.min(left, large.length)));
      if (left > large.length) expect(events).toEqual([]);
      else expect(events).toEqual([{ kind: 'left-out', bytes: size }]);
    }
    expect(reader.push(after)).toEqual([{ kind: 'message', frames: [Buffer.from('after')] }]);
    const many = Array.from({ length: bounds.frames + 1 }, () => Buffer.from('x'));
    expect(reader.push(Buffer.concat([messageOf(many), after]))).toEqual([
      { kind: 'left-out', bytes: many.length },
      { kind: 'message', frames: [Buffer.from('after')] },
    ]);
  });

  it('has no memory set aside for it before it comes', () => {
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 8 }, () => new ZmtpReader(bounds));
    for (const reader of readers)
      reader.push(Buffer.concat([opening, announced(0, BigInt(bounds.bytes)), Buffer.alloc(1)]));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1024 * 1024);
  });

  it.each([
    ['no ZMTP', Buffer.from(`HTTP/1.1 400 Bad Request\r\n${' '.repeat(64)}`)],
    ['an older version', Buffer.concat([greeting().fill(2, 10, 11), opening])],
    ['another mechanism', Buffer.concat([greeting().fill('CURVE', 12, 17), opening])],
    ['a message before the handshake', Buffer.concat([greeting(), messageOf([Buffer.from('x')])])],
    ['an impossible length', Buffer.concat([opening, announced(0, 2n ** 63n)])],
    ['a huge command', Buffer.concat([opening, announced(4, 65_537n)])],
    ['a command without a name', Buffer.concat([opening, Buffer.from([4, 1, 9])])],
    ['a refusal', Buffer.concat([greeting(), Buffer.from('\x04\x0a\x05ERROR\x03no!')])],
  ])('is refused when it is %s', (_, bytes) => {
    expect(() => read(bytes)).toThrow();
  });

  it('never makes the reader do anything but read or refuse', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), fc.boolean(), (chunks, greets) => {
        const reader = new ZmtpReader(bounds);
        if (greets) reader.push(opening);
        try {
          for (const chunk of chunks) reader.push(Buffer.from(chunk));
        } catch (error) {
          expect((error as Error).constructor.name).toBe('ZmtpError');
        }
      }),
    );
  });

  it('may be a ping, or a command that nobody knows', () => {
    const ping = Buffer.from('\x04\x09\x04PING\x00\x10ab');
    expect(read(opening, ping, Buffer.from('\x04\x04\x03NEW')).slice(2)).toEqual([
      { kind: 'ping', context: Buffer.from('ab') },
    ]);
  });
});
