import { closeSync, writeSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PipePool } from './pipe-pool.ts';
import { LineReader, OutputReader } from './tenant-streams.ts';

const pool = new PipePool('/bin/sh');

/** A reader of a real pipe, and the end that a program would write to. */
async function setUp(more: () => boolean = () => true) {
  const ends = await pool.takeForOutput();
  const taken: Buffer[] = [];
  const reader = new OutputReader(ends.ours, (bytes) => {
    taken.push(Buffer.from(bytes));
    return more();
  });
  let open = true;
  const close = (): void => {
    if (open) closeSync(ends.theirs);
    open = false;
  };
  onTestFinished(() => {
    reader[Symbol.dispose]();
    close();
  });
  const text = (): string => Buffer.concat(taken).toString('latin1');
  return { reader, write: (piece: string) => writeSync(ends.theirs, piece), close, text };
}
async function until(condition: () => boolean): Promise<void> {
  for (let rounds = 0; !condition() && rounds < 500; rounds += 1) await wait(4);
}

describe('a reader of output', () => {
  it('delivers what comes, and knows the end', async () => {
    const { reader, write, close, text } = await setUp();
    write('one ');
    await until(() => text() === 'one ');
    write('two');
    close();
    await until(() => !reader.open);
    expect([text(), reader.open]).toEqual(['one two', false]);
  });

  it('drains at once what was written before, without waiting for its turn', async () => {
    const { reader, write, text } = await setUp();
    write('x'.repeat(60_000));
    reader.drain();
    expect(text()).toHaveLength(60_000);
    reader.drain();
    expect(text()).toHaveLength(60_000);
  });

  it('stops while its consumer is full, so that the program would wait, and goes on after', async () => {
    let full = true;
    const { reader, write, text } = await setUp(() => !full);
    write('first');
    await until(() => text() === 'first');
    write('second');
    await wait(30);
    expect(text()).toBe('first');
    full = false;
    reader.resume();
    await until(() => text() !== 'first');
    expect(text()).toBe('firstsecond');
  });

  it('drains even to a full consumer, and stops again after it', async () => {
    const { reader, write, text } = await setUp(() => false);
    write('a');
    reader.drain();
    write('b');
    await wait(30);
    expect(text()).toBe('a');
    reader.drain();
    expect(text()).toBe('ab');
  });

  it('can be given another consumer', async () => {
    const { reader, write, text } = await setUp(() => false);
    write('old');
    await until(() => text() === 'old');
    let other = '';
    reader.redirect((bytes) => {
      other += Buffer.from(bytes).toString();
      return true;
    });
    write('new');
    await until(() => other !== '');
    expect([text(), other]).toEqual(['old', 'new']);
  });
});

describe('a line reader', () => {
  it('finds the same lines however the bytes are cut', () => {
    const text = Buffer.from('{"a":"é☃🎉"}\n\nlast\nrest');
    for (let size = 1; size <= text.length; size += 1) {
      const reader = new LineReader();
      const lines: string[] = [];
      for (let at = 0; at < text.length; at += size) lines.push(...reader.push(text.subarray(at, at + size)));
      expect(lines).toEqual(['{"a":"é☃🎉"}', '', 'last']);
    }
  });

  it('keeps a line whole that comes byte by byte', () => {
    const reader = new LineReader();
    const text = 'abc'.repeat(5000);
    const lines = [...Buffer.from(`${text}\n`)].flatMap((byte) => reader.push(Buffer.from([byte])));
    expect(lines).toEqual([text]);
  });

  it('gives up on a line without an end', () => {
    const reader = new LineReader();
    const piece = Buffer.alloc(8 * 1024 * 1024, 'x');
    expect(() => {
      for (let count = 0; count < 5; count += 1) reader.push(piece);
    }).toThrow(RangeError);
  });
});
