import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MessageFormat } from './messages.ts';

const format = new MessageFormat('secret', 'our-session');
const message = (content: Record<string, unknown> = { code: '1' }) =>
  format.encode({ id: 'one', type: 'execute_request', content }, Date.UTC(2030, 0, 1));

describe('a message', () => {
  it('is signed frames of JSON, as Jupyter has them', () => {
    expect(message().map(String)).toEqual([
      '<IDS|MSG>',
      // From Python: hmac.new(b'secret', header + b'{}{}' + content, 'sha256').hexdigest()
      '3d06d55e6fc25cb4da21ba5d67548db1ca694c781ec14af71514a979f91087f7',
      '{"msg_id":"one","session":"our-session","username":"kernelet","date":"2030-01-01T00:00:00.000Z","msg_type":"execute_request","version":"5.3"}',
      '{}',
      '{}',
      '{"code":"1"}',
    ]);
  });

  it('is read with names and a topic in front and buffers behind', () => {
    const read = format.decode([Buffer.from('name'), Buffer.from('topic'), ...message(), Buffer.from([0, 255])]);
    expect(read).toMatchObject({ type: 'execute_request', parentId: '', content: { code: '1' } });
    const reply = format.encode({ id: 'two', type: 'x', content: {}, parent: read?.header ?? {} }, 0);
    expect(format.decode(reply)).toMatchObject({ type: 'x', parentId: 'one' });
  });

  it('is none when anything of it was changed, or somebody else signed it', () => {
    expect(new MessageFormat('other', 'our-session').decode(message())).toBe(null);
    const frames = message({ code: 'a longer text' });
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: frames.length - 1 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (which, at, by) => {
          const changed = frames.map((frame) => Buffer.from(frame));
          const frame = changed[which] as Buffer;
          frame[at % frame.length] = (frame[at % frame.length] as number) ^ by;
          expect(format.decode(changed)).toBe(null);
        },
      ),
    );
  });

  it('is none when frames are missing or it is no message', () => {
    for (let count = 0; count < 6; count += 1) expect(format.decode(message().slice(0, count))).toBe(null);
    for (const content of ['[]', 'null', '{', '"x"', '']) {
      const parts = [message()[2], Buffer.from('{}'), Buffer.from('{}'), Buffer.from(content)] as Buffer[];
      expect(format.decode(signed(parts))).toBe(null);
    }
    expect(format.decode(signed([1, 2, 3, 4].map(() => Buffer.from('{}'))))).toBe(null);
    expect(format.decode([...Array.from({ length: 20 }, () => Buffer.from('topic')), ...message()])).toBe(null);
  });
});

/** Frames with a signature that is right, whatever they are. */
function signed(parts: readonly Buffer[]): Buffer[] {
  const digest = createHmac('sha256', 'secret');
  for (const part of parts) digest.update(part);
  return [Buffer.from('<IDS|MSG>'), Buffer.from(digest.digest('hex')), ...parts];
}
