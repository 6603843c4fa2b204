import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  greeting,
  messageOf,
  pongCommand,
  readyCommand,
  subscribeToAll,
  ZmtpError,
  type ZmtpEvent,
  ZmtpReader,
} from './zmtp.ts';

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

  it.each<[string, Buffer, string]>([
    ['no ZMTP', Buffer.from(`HTTP/1.1 400 Bad Request\r\n${' '.repeat(64)}`), 'the peer does not speak ZMTP'],
    ['another first byte', Buffer.concat([greeting().fill(0xfe, 0, 1), opening]), 'the peer does not speak ZMTP'],
    ['another end of the signature', Buffer.concat([greeting().fill(0, 9, 10)]), 'the peer does not speak ZMTP'],
    ['an older version', Buffer.concat([greeting().fill(2, 10, 11), opening]), 'the peer speaks version 2 of ZMTP'],
    [
      'another mechanism',
      Buffer.concat([greeting().fill('CURVE', 12, 17), opening]),
      'the peer wants the mechanism "CURVE"',
    ],
    [
      'a mechanism with a NUL in it',
      Buffer.concat([greeting().fill('NULL\0X', 12, 18)]),
      'the peer wants the mechanism "NULL\\u0000X"',
    ],
    [
      'a message before the handshake',
      Buffer.concat([greeting(), messageOf([Buffer.from('x')])]),
      'a message comes before the handshake is over',
    ],
    [
      'a message after a command that is not READY',
      Buffer.concat([greeting(), Buffer.from('\x04\x04\x03NEW'), messageOf([Buffer.from('x')])]),
      'a message comes before the handshake is over',
    ],
    ['an impossible length', Buffer.concat([opening, announced(0, 2n ** 63n)]), 'a frame has an impossible length'],
    ['a length beyond 2^53', Buffer.concat([opening, announced(0, 2n ** 53n)]), 'a frame has an impossible length'],
    ['a huge command', Buffer.concat([opening, announced(4, 65_537n)]), 'a command has 65537 bytes'],
    ['a command without a name', Buffer.concat([opening, Buffer.from([4, 1, 9])]), 'a command has no name'],
    [
      'a command whose name is cut off',
      Buffer.concat([opening, Buffer.from('\x04\x02\x02P')]),
      'a command has no name',
    ],
    ['a refusal', Buffer.concat([greeting(), Buffer.from('\x04\x0a\x05ERROR\x03no!')]), 'the peer refuses: no!'],
    [
      'a long refusal',
      Buffer.concat([greeting(), Buffer.from([4, 255, 5]), Buffer.from(`ERROR${'x'.repeat(249)}`)]),
      `the peer refuses: ${'x'.repeat(199)}`,
    ],
  ])('is refused when it is %s', (_, bytes, problem) => {
    expect(() => read(bytes)).toThrow(new ZmtpError(problem));
  });

  it('may come from a peer of a newer version', () => {
    const newer = Buffer.concat([greeting().fill(4, 10, 11), readyCommand('ROUTER', '')]);
    expect(read(newer).map(({ kind }) => kind)).toEqual(['greeted', 'ready']);
  });

  it('may be a command of the longest length, and one without anything behind its name', () => {
    const long = Buffer.concat([Buffer.from('\x04PING\x00\x10'), Buffer.alloc(65_536 - 7, 'x')]);
    expect(read(opening, announced(4, 65_536n), long).slice(2)).toEqual([
      { kind: 'ping', context: Buffer.alloc(65_536 - 7, 'x') },
    ]);
    expect(read(opening, Buffer.from('\x04\x07\x04PING\x00\x10')).slice(2)).toEqual([
      { kind: 'ping', context: Buffer.alloc(0) },
    ]);
    expect(read(greeting(), Buffer.from('\x04\x06\x05READY'), messageOf([Buffer.from('x')]))).toHaveLength(3);
    expect(read(opening, Buffer.from('\x04\x01\x00')).slice(2)).toEqual([]);
  });

  it('is taken up to the bounds, over all the frames of a message together', () => {
    const small = new ZmtpReader({ bytes: 10, frames: 3 });
    small.push(opening);
    const send = (...frames: string[]) => small.push(messageOf(frames.map((frame) => Buffer.from(frame))));
    const message = (...frames: string[]) => [{ kind: 'message', frames: frames.map((frame) => Buffer.from(frame)) }];
    expect(send('12345', '67890')).toEqual(message('12345', '67890'));
    expect(send('', '', '1')).toEqual(message('', '', '1'));
    expect(send('12345', '67890', '1')).toEqual([{ kind: 'left-out', bytes: 11 }]);
    expect(send('12345678901', '2', '')).toEqual([{ kind: 'left-out', bytes: 12 }]);
    expect(send('', '', '', '')).toEqual([{ kind: 'left-out', bytes: 0 }]);
    expect(send('1')).toEqual(message('1'));
  });

  it('is read alike when what is left out comes in pieces, with the next message behind it', () => {
    const bytes = Buffer.concat([opening, messageOf([Buffer.alloc(20), Buffer.from('x')]), messageOf([Buffer.of(7)])]);
    for (let cut = opening.length; cut < bytes.length; cut += 1) {
      const small = new ZmtpReader({ bytes: 10, frames: 3 });
      const events = [bytes.subarray(0, cut), bytes.subarray(cut)].flatMap((chunk) => small.push(chunk));
      expect(events.slice(2)).toEqual([
        { kind: 'left-out', bytes: 21 },
        { kind: 'message', frames: [Buffer.of(7)] },
      ]);
    }
  });

  it('never makes the reader do anything but read or refuse', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), fc.boolean(), (chunks, greets) => {
        const reader = new ZmtpReader(bounds);
        if (greets) reader.push(opening);
        try {
          for (const chunk of chunks) reader.push(Buffer.from(chunk));
        } catch (error) {
          expect(error).toBeInstanceOf(ZmtpError);
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
