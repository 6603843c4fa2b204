import { describe, expect, it } from 'vitest';
import { KerneletError } from '../lib/errors.ts';
import { FrameDecoder, FrameError } from './frame.ts';
import type { NumberedRunEvent, RunEvent } from './run-event.ts';
import { encodeErrorFrame, encodeKeepAliveFrame, encodeRunFrame, parseRunFrame } from './run-frames.ts';

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const through = (pieces: readonly Uint8Array[]) => new FrameDecoder().push(Buffer.concat(pieces)).map(parseRunFrame);

describe('the frames of a run', () => {
  it.each<readonly [RunEvent, Uint8Array]>([
    [{ kind: 'started' }, new Uint8Array()],
    [{ kind: 'stdout' }, everyByte],
    [{ kind: 'display', role: 'display', forms: [{ type: 'image/png', bytes: 256 }], omitted: [] }, everyByte],
    [{ kind: 'error', name: 'E', message: '"' }, everyByte],
    [{ kind: 'waiting-input', prompt: '{"error":1}', password: true }, new Uint8Array()],
    [{ kind: 'finished', exitCode: -9, reason: 'memory-limit' }, new Uint8Array()],
  ])('come out as they went in: %o', (event, body) => {
    const [frame] = through(encodeRunFrame({ n: 7, event, body })) as [NumberedRunEvent];
    expect({ ...frame, body: [...frame.body] }).toEqual({ n: 7, event, body: [...body] });
  });

  it('tell silence and the error that ends them', () => {
    const error = new KerneletError('KERNEL_DIED', 'it died').toDocument();
    expect(through([...encodeKeepAliveFrame(), ...encodeErrorFrame(error)])).toEqual([null, { error }]);
  });

  it('of a daemon that was not started again since an upgrade have one form of each value', () => {
    const frame = (event: object) => parseRunFrame({ header: { n: 1, event }, body: everyByte });
    const value = (type: string) => ({
      n: 1,
      event: { kind: 'display', role: 'display', forms: [{ type, bytes: 256 }], omitted: [] },
      body: everyByte,
    });
    expect(frame({ kind: 'html' })).toEqual(value('text/html'));
    expect(frame({ kind: 'media', type: 'image/png' })).toEqual(value('image/png'));
  });

  it.each<readonly [unknown, string]>([
    [1, 'header is not an object'],
    [null, 'header is not an object'],
    [{ n: 1 }, 'event is not an object'],
    [{ n: '1', event: { kind: 'x' } }, 'n is not a whole number'],
    [{ n: 1, event: {} }, 'kind is not a text'],
    [{ n: 1, event: { kind: 'media' } }, 'type is not a text'],
  ])('are not %j: %s', (header, problem) => {
    expect(() => parseRunFrame({ header, body: everyByte })).toThrow(new FrameError(problem));
  });
});
