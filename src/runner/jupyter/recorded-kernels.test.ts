/** Bytes of real kernels (test/fixtures/jupyter/), read however they are cut. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ZmtpEvent, ZmtpReader } from '../../protocol/zmtp.ts';
import { type Message, MessageFormat } from './messages.ts';

const folder = join(import.meta.dirname, '../../../test/fixtures/jupyter');

interface Recording {
  readonly key: string;
  readonly shell: string;
  readonly iopub: string;
  readonly stdin: string;
}

const recording = (name: string): Recording =>
  JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Recording;

function read(bytes: Buffer, cuts: readonly number[] = []): ZmtpEvent[] {
  const reader = new ZmtpReader({ bytes: 2 ** 26, frames: 64 });
  const ends = [...cuts.map((cut) => cut % bytes.length).sort((a, b) => a - b), bytes.length];
  let start = 0;
  return ends.flatMap((end) => {
    const events = reader.push(bytes.subarray(start, end));
    start = end;
    return events;
  });
}

/** The messages on a channel, every one of which has to be signed by the key. */
function messages({ key, ...channels }: Recording, channel: 'shell' | 'iopub' | 'stdin'): Message[] {
  const format = new MessageFormat(key, 'reader');
  return read(Buffer.from(channels[channel], 'base64')).flatMap((event) => {
    if (event.kind !== 'message') return [];
    const message = format.decode(event.frames);
    if (!message) throw new Error('a message of a real kernel is none');
    return [message];
  });
}

describe('ipykernel', () => {
  const recorded = recording('ipykernel');

  it('publishes what its queries print, show and end with', () => {
    const told = messages(recorded, 'iopub').filter(({ type }) => type !== 'status' && type !== 'execute_input');
    expect(told).toMatchObject([
      { type: 'iopub_welcome', parentId: '' },
      { type: 'stream', content: { name: 'stdout', text: 'hi\n' } },
      { type: 'execute_result', content: { data: { 'text/plain': '42' } } },
      { type: 'error', content: { ename: 'ZeroDivisionError', evalue: 'division by zero' } },
      { type: 'execute_result', content: { data: { 'text/plain': "'an answer'" } } },
    ]);
  });

  it('replies to what it was asked, and asks itself', () => {
    expect(messages(recorded, 'shell')).toMatchObject([
      { type: 'kernel_info_reply', content: { status: 'ok' } },
      { type: 'execute_reply', content: { status: 'ok' } },
      { type: 'execute_reply', content: { status: 'error', ename: 'ZeroDivisionError' } },
      { type: 'execute_reply', content: { status: 'ok' } },
      { type: 'complete_reply', content: { matches: expect.arrayContaining(['path']) } },
    ]);
    expect(messages(recorded, 'stdin')).toMatchObject([
      { type: 'input_request', content: { prompt: 'who? ', password: false } },
    ]);
  });
});

describe('bash_kernel', () => {
  it('publishes its output, and the status of a command in its reply', () => {
    const recorded = recording('bash-kernel');
    const streams = messages(recorded, 'iopub').filter(({ type }) => type === 'stream');
    expect(streams.at(-1)).toMatchObject({ content: { text: '5\n' } });
    const replies = messages(recorded, 'shell').filter(({ type }) => type === 'execute_reply');
    expect(replies).toMatchObject([{ content: { status: 'ok' } }, { content: { status: 'error', evalue: '1' } }]);
  });
});

describe.each(['ipykernel', 'bash-kernel'])('%s', (name) => {
  it.each(['shell', 'iopub', 'stdin'] as const)('is read alike however its bytes on %s are cut', (channel) => {
    const bytes = Buffer.from(recording(name)[channel], 'base64');
    const whole = read(bytes);
    expect(read(bytes, [...bytes.keys()])).toEqual(whole);
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 30 }), (cuts) => {
        expect(read(bytes, cuts)).toEqual(whole);
      }),
      { numRuns: 50 },
    );
  });
});
