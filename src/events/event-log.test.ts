import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { HangingDisk } from '../../test/support/hanging-disk.ts';
import { parseKernelId, parseRunId, parseSessionId } from '../lib/ids.ts';
import { silentLogger } from '../lib/log.ts';
import { StateWrites } from '../lib/state-writes.ts';
import { parseEvents } from './event-file.ts';
import { EventLog, type EventLogOptions } from './event-log.ts';
import type { KernelEvent, NumberedKernelEvent } from './kernel-event.ts';

const id = '00000000-0000-4000-8000-000000000001';
const event = (image: string): KernelEvent => ({
  type: 'kernel-pulling',
  image,
  kernelId: parseKernelId(id),
  sessionId: parseSessionId(id),
});
const never = new AbortController().signal;

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'events-'));
  file = join(folder, 'events.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = (options: Partial<EventLogOptions> = {}): Promise<EventLog> =>
  EventLog.open(folder, { clock: new FakeClock(), log: silentLogger, writes: new StateWrites(), ...options });
async function all(log: EventLog, after = 0): Promise<NumberedKernelEvent[]> {
  const seen: NumberedKernelEvent[] = [];
  for await (const one of log.read({ after, follow: false }, never)) seen.push(one);
  return seen;
}
const sequences = async (log: EventLog, after = 0): Promise<number[]> =>
  (await all(log, after)).map(({ sequence }) => sequence);

describe('EventLog', () => {
  it('numbers events from 1, and goes on after a restart with the old ones still there', async () => {
    {
      await using log = await open();
      for (const image of ['a', 'b', 'c']) log.publish(event(image));
      expect(await sequences(log, 1)).toEqual([2, 3]);
    }
    await using log = await open();
    log.publish(event('d'));
    expect(await sequences(log)).toEqual([1, 2, 3, 4]);
    expect((await all(log))[1]).toEqual({ sequence: 2, at: 1_700_000_000_000, event: event('b') });
  });

  it('knows over a restart whether a kernel has ended, and forgets it when the id is used again', async () => {
    const of = { kernelId: parseKernelId(id), sessionId: parseSessionId(id) };
    const end: KernelEvent = { type: 'kernel-terminated', reason: 'x', exitCode: null, detail: '', ...of };
    {
      await using log = await open();
      expect(log.hasEnded(of.kernelId)).toBe(false);
      log.publish(event('a'));
      expect(log.hasEnded(of.kernelId)).toBe(false);
      log.publish(end);
    }
    await using log = await open();
    expect(log.hasEnded(of.kernelId)).toBe(true);
    expect(log.hasEnded(parseKernelId(id.replace('1', '2')))).toBe(false);
    log.publish({ type: 'kernel-preparing', ...of });
    expect(log.hasEnded(of.kernelId)).toBe(false);
  });

  it('knows over a restart which runs have ended', async () => {
    const of = { kernelId: parseKernelId(id), sessionId: parseSessionId(id), runId: parseRunId('r') };
    {
      await using log = await open();
      log.publish({ type: 'execution-started', ...of });
      expect(log.hasFinished(of.kernelId, of.runId)).toBe(false);
      log.publish({ type: 'execution-finished', exitCode: 0, reason: 'exited', ...of });
    }
    await using log = await open();
    expect(log.hasFinished(of.kernelId, of.runId)).toBe(true);
    expect(log.hasFinished(of.kernelId, parseRunId('other'))).toBe(false);
  });

  it('survives a last line that a crash has cut, wherever it was cut', async () => {
    {
      await using log = await open();
      for (const image of ['a', 'b']) log.publish(event(image));
    }
    const whole = readFileSync(file);
    const first = whole.indexOf('\n') + 1;
    for (let size = first; size < whole.length; size += 1) {
      writeFileSync(file, whole);
      truncateSync(file, size);
      const kept = size === whole.length - 1 ? 2 : 1;
      {
        await using log = await open();
        expect(log.lastSequence).toBe(kept);
        log.publish(event('c'));
      }
      await using log = await open();
      expect((await all(log)).map((one) => one.event)).toEqual(
        [event('a'), event('b'), event('c')].toSpliced(kept, 2 - kept),
      );
      expect(await sequences(log)).toEqual(kept === 2 ? [1, 2, 3] : [1, 2]);
    }
  });

  it('leaves out lines that are not events, or whose number goes back', async () => {
    {
      await using log = await open();
      log.publish(event('a'));
      log.publish(event('b'));
    }
    appendFileSync(file, `nonsense\n{}\nnull\n{"sequence":1,"at":1,"event":{"type":"x"}}\n\u0000\u0000\n`);
    await using log = await open();
    log.publish(event('c'));
    expect(await sequences(log)).toEqual([1, 2, 3]);
  });

  it('keeps two files of bounded size', async () => {
    const options = { fileBytes: 4096 };
    {
      await using log = await open(options);
      for (let n = 0; n < 500; n += 1) log.publish(event(`image-${n}`));
    }
    const sizes = readdirSync(folder)
      .filter((name) => name.endsWith('.jsonl'))
      .map((name) => statSync(join(folder, name)).size);
    expect(sizes).toHaveLength(2);
    expect(Math.max(...sizes)).toBeLessThan(4096 + 300);
    await using log = await open(options);
    const kept = await sequences(log);
    expect(kept.at(-1)).toBe(500);
    expect(kept.length).toBeGreaterThan(20);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, index) => 501 - kept.length + index));
  });

  // @promise hostile-runner
  it('keeps what it has of the others when one kernel has many, in memory and over restarts', async () => {
    const others = ['2', '3'].map((digit) => parseKernelId(id.replace('1', digit)));
    const told = others.map((kernelId): KernelEvent => ({ ...event('its-own'), kernelId }));
    const options = { fileBytes: 16_384, capacity: 200 };
    const ofOthers = async (log: EventLog) =>
      (await all(log)).flatMap(({ event: each }) => (each.kernelId === id ? [] : [each]));
    {
      await using log = await open(options);
      for (const one of told) log.publish(one);
      for (let n = 0; n < 5_000; n += 1) log.publish(event(`image-${n}`));
      expect(await ofOthers(log)).toEqual(told);
      expect((await all(log)).length).toBeLessThan(400);
    }
    const sizes = readdirSync(folder)
      .filter((name) => name.endsWith('.jsonl'))
      .map((name) => statSync(join(folder, name)).size);
    expect(sizes).toHaveLength(2);
    expect(Math.max(...sizes)).toBeLessThan(16_384 + 300);
    await using log = await open(options);
    expect(await ofOthers(log)).toEqual(told);
    expect(log.lastSequence).toBe(5_002);
  });

  it('lets readers follow, each at its own pace', async () => {
    await using log = await open();
    log.publish(event('a'));
    const fast = log.read({ after: 0, follow: true }, never);
    const slow = log.read({ after: 1, follow: true }, never);
    expect((await fast.next()).value?.sequence).toBe(1);
    const [next, first] = [fast.next(), slow.next()];
    log.publish(event('b'));
    expect((await next).value?.sequence).toBe(2);
    expect((await first).value?.sequence).toBe(2);
    await fast.return();
    await slow.return();
  });

  // @promise no-silent-gap
  it('shows a slow reader what is still kept, with a jump in the numbers', async () => {
    await using log = await open({ capacity: 10 });
    const reader = log.read({ after: 0, follow: true }, never);
    log.publish(event('a'));
    expect((await reader.next()).value?.sequence).toBe(1);
    for (let n = 0; n < 34; n += 1) log.publish(event('x'));
    expect((await reader.next()).value?.sequence).toBe(21);
    expect(await sequences(log)).toEqual([21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35]);
  });

  it('ends its readers when it is closed, and rejects with the reason of their signal', async () => {
    const log = await open();
    const stop = new AbortController();
    const stopped = log.read({ after: 0, follow: true }, stop.signal).next();
    const ended = log.read({ after: 0, follow: true }, never).next();
    stop.abort(new Error('enough'));
    await expect(stopped).rejects.toThrow('enough');
    await log[Symbol.asyncDispose]();
    expect((await ended).done).toBe(true);
    log.publish(event('too late'));
    expect(log.lastSequence).toBe(0);
  });

  it('cannot be opened where its folder cannot be made, which it names', async () => {
    writeFileSync(join(folder, 'blocked'), '');
    const opening = EventLog.open(join(folder, 'blocked'), {
      clock: new FakeClock(),
      log: silentLogger,
      writes: new StateWrites(),
    });
    await expect(opening).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: expect.stringContaining('blocked'),
    });
  });

  // @promise disk-hangs
  it('takes events while the disk hangs, shows none before it is written, and writes all of them, in order', async () => {
    const disk = new HangingDisk();
    await using log = await open({ calls: disk });
    log.publish(event('a'));
    expect(await sequences(log)).toEqual([1]);
    disk.hang();
    const images = Array.from({ length: 100 }, (_, n) => `${n}`);
    for (const image of images) log.publish(event(image));
    const following = log.read({ after: 1, follow: true }, never);
    const next = following.next();
    expect(await Promise.race([next, setTimeout(50, 'nothing')])).toBe('nothing');
    expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(1);
    disk.goOn();
    expect((await next).value?.sequence).toBe(2);
    expect(await sequences(log)).toEqual(Array.from({ length: 101 }, (_, n) => n + 1));
    const written = parseEvents(readFileSync(file, 'utf8'));
    expect(written.map(({ event: { type, ...rest } }) => ('image' in rest ? rest.image : type))).toEqual([
      'a',
      ...images,
    ]);
    expect(log.unwritten).toBe(0);
  });

  it('holds a bounded number of events for a disk that hangs, and counts those that it cannot hold', async () => {
    const disk = new HangingDisk();
    const writes = new StateWrites({ maxWaitingBytes: 2_000 });
    await using log = await open({ calls: disk, writes });
    disk.hang();
    for (let n = 0; n < 100; n += 1) log.publish(event(`${n}`));
    await setTimeout(1);
    expect(log.unwritten).toBeGreaterThan(80);
    const { unwritten } = log;
    disk.goOn();
    expect(await sequences(log)).toHaveLength(100);
    expect(parseEvents(readFileSync(file, 'utf8'))).toHaveLength(100 - unwritten);
  });

  it('gives readers also what the disk does not take', async () => {
    await using log = await open({ fileBytes: 1 });
    log.publish(event('a'));
    expect(await sequences(log)).toEqual([1]);
    rmSync(folder, { recursive: true });
    log.publish(event('b'));
    expect(await sequences(log)).toEqual([1, 2]);
    expect(log.unwritten).toBe(1);
    mkdirSync(folder);
    log.publish(event('c'));
    expect(await sequences(log)).toEqual([1, 2, 3]);
    expect(log.unwritten).toBe(1);
    expect(readFileSync(file, 'utf8')).toContain('"sequence":3');
  });
});
