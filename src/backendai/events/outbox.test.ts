import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../../test/support/depth.ts';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { FakeEventServer } from '../../../test/support/fake-event-server.ts';
import { HangingDisk } from '../../../test/support/hanging-disk.ts';
import { silentLogger as log } from '../../lib/log.ts';
import { StateWrites } from '../../lib/state-writes.ts';
import type { SequencedBatch } from '../redis/event-stream.ts';
import { Outbox, type OutboxOptions } from './outbox.ts';
import { type OutboxContent, OutboxFile, parseOutbox } from './outbox-file.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'outbox-'));
  file = join(folder, 'outbox.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true }));

const clock = new FakeClock();
const writes = new StateWrites();
/** More than any write takes. */
const longMs = 10_000;
const open = (target: FakeEventServer, more: Partial<OutboxOptions> = {}): Outbox =>
  new Outbox(file, { target, writes, clock, log, ...more });
const event = (name: string) => ({ name, source: 'i-x', args: Uint8Array.of(0x90, 0xff, 0) });

/** Lets it send for so long. */
async function runFor(outbox: Outbox, ms: number): Promise<void> {
  const stop = new AbortController();
  // What has been posted is on the disk by then.
  await writes.settled(longMs);
  const running = outbox.run(stop.signal);
  // And that the numbers have been compared, before anything is sent.
  await setImmediate();
  await writes.settled(longMs);
  await clock.advance(ms);
  stop.abort();
  await running;
}

describe('Outbox', () => {
  it('sends in order, keeps over a restart what the server has not, and forgets what it has', async () => {
    const server = new FakeEventServer();
    {
      await using outbox = open(server);
      for (const name of ['a', 'b']) outbox.post(event(name));
      await runFor(outbox, 10);
      expect(outbox.size).toBe(0);
      server.weather = () => 'down';
      outbox.post(event('c'));
      await runFor(outbox, 1000);
    }
    server.weather = () => 'fair';
    await using outbox = open(server);
    expect(outbox.size).toBe(1);
    outbox.post(event('d'));
    await runFor(outbox, 10);
    expect(server.names).toEqual(['a', 'b', 'c', 'd']);
    expect(clock.pending).toBe(0);
  });

  it('gives the bytes as they were posted, after a restart too', async () => {
    const server = new FakeEventServer();
    const seen: SequencedBatch[] = [];
    const target = {
      append: async (batch: SequencedBatch) => {
        seen.push(batch);
        return await server.append(batch);
      },
    };
    {
      await using outbox = open(server);
      outbox.post({ name: 'näme', source: 'i-ü', args: Uint8Array.of(0, 10, 255) });
    }
    await using outbox = new Outbox(file, { target, writes, clock, log });
    await runFor(outbox, 10);
    expect(seen.at(-1)?.events).toEqual([{ name: 'näme', source: 'i-ü', args: Buffer.from([0, 10, 255]) }]);
  });

  it('takes an event of a name once, over restarts and deliveries, until the name is free', async () => {
    const server = new FakeEventServer();
    {
      await using outbox = open(server);
      outbox.post(event('a'), 'one');
      outbox.post(event('a again'), 'one');
      outbox.post(event('b'), 'two');
      outbox.free('two');
      outbox.post(event('b again'), 'two');
      expect(outbox.size).toBe(3);
    }
    {
      await using outbox = open(server);
      outbox.post(event('a after a restart'), 'one');
      await runFor(outbox, 10);
      expect(server.names).toEqual(['a', 'b', 'b again']);
    }
    // Its event is delivered, and the file was written anew since.
    for (let round = 0; round < 3; round += 1) {
      await using outbox = open(server);
      expect([outbox.size, outbox.holds('one'), outbox.holds('two'), outbox.holds('three')]).toEqual([
        0,
        true,
        true,
        false,
      ]);
      outbox.post(event('a after its delivery'), 'one');
      await runFor(outbox, 10);
    }
    {
      await using outbox = open(server);
      outbox.free('one');
      outbox.free('nobody has it');
    }
    await using outbox = open(server);
    outbox.post(event('another a'), 'one');
    await runFor(outbox, 10);
    expect(server.names).toEqual(['a', 'b', 'b again', 'another a']);
  });

  it('holds names of bounded number, the newest ones', async () => {
    await using outbox = open(new FakeEventServer());
    for (let n = 0; n <= 10_000; n += 1) outbox.post(event('x'), `${n}`);
    await writes.settled(longMs);
    expect([outbox.holds('0'), outbox.holds('1'), outbox.holds('10000')]).toEqual([false, true, true]);
    expect(parseOutbox(readFileSync(file, 'utf8'))?.names).toHaveLength(10_000);
  });

  it('sends large heaps in parts with pauses', async () => {
    const server = new FakeEventServer();
    await using outbox = open(server);
    for (let n = 0; n < 200; n += 1) outbox.post(event(`${n}`));
    await runFor(outbox, 120);
    expect(server.batches).toEqual([64, 64, 64]);
    await runFor(outbox, 120);
    expect(server.names).toEqual(Array.from({ length: 200 }, (_, n) => `${n}`));
  });

  // @promise events-once
  it('delivers each once and in order, whatever the weather, the process and the disk do', async () => {
    const weathers = fc.array(fc.constantFrom('fair' as const, 'down' as const, 'reply-lost' as const), {
      minLength: 1,
    });
    const steps = fc.array(fc.constantFrom('post', 'run', 'restart'), { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(steps, weathers, async (script, sky) => {
        rmSync(file, { force: true });
        const server = new FakeEventServer();
        let turn = 0;
        server.weather = () => sky[turn++ % sky.length] ?? 'fair';
        let posted = 0;
        let outbox = open(server);
        for (const step of script) {
          if (step === 'post') outbox.post(event(`${posted++}`));
          if (step === 'run') await runFor(outbox, 700);
          if (step === 'restart') {
            await outbox[Symbol.asyncDispose]();
            outbox = open(server);
          }
        }
        server.weather = () => 'fair';
        await runFor(outbox, 1000);
        await outbox[Symbol.asyncDispose]();
        expect(server.names).toEqual(Array.from({ length: posted }, (_, n) => `${n}`));
      }),
      { numRuns: fuzzRuns(100) },
    );
  });

  it('gives up the oldest when too many or too much waits, and counts them', async () => {
    const server = new FakeEventServer();
    {
      await using outbox = open(server, { maxEvents: 100 });
      for (let n = 0; n < 150; n += 1) outbox.post(event(`${n}`));
      expect(outbox.size).toBeLessThanOrEqual(100);
      expect(outbox.dropped + outbox.size).toBe(150);
    }
    await using outbox = open(server, { maxBytes: 203 * 10 });
    outbox.post(event('last'));
    expect(outbox.size).toBeLessThanOrEqual(10);
    await runFor(outbox, 10);
    expect(server.names.at(-1)).toBe('last');
    expect(server.names.length).toBeGreaterThan(5);
  });

  it('keeps its file small when all is delivered', async () => {
    const server = new FakeEventServer();
    await using outbox = open(server);
    for (let round = 0; round < 60; round += 1) {
      for (let n = 0; n < 60; n += 1) outbox.post({ ...event('x'), args: new Uint8Array(400) });
      await runFor(outbox, 60);
    }
    expect(server.names).toHaveLength(3600);
    expect(statSync(file).size).toBeLessThan(400 * 1024);
  });

  it('resolves settled when nothing waits, and rejects with the reason of the signal', async () => {
    const server = new FakeEventServer();
    await using outbox = open(server);
    outbox.post(event('a'));
    const stop = new AbortController();
    const given = outbox.settled(stop.signal);
    stop.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
    const settled = outbox.settled(new AbortController().signal);
    await runFor(outbox, 10);
    await settled;
  });

  it('begins a new series when the server has numbers that the file does not remember', async () => {
    const server = new FakeEventServer();
    {
      await using outbox = open(server);
      outbox.post(event('a'));
      await runFor(outbox, 10);
    }
    server.sequence = 50;
    await using outbox = open(server);
    outbox.post(event('b'));
    await runFor(outbox, 10);
    outbox.post(event('c'));
    await runFor(outbox, 10);
    expect(server.names).toEqual(['a', 'b', 'c']);
    expect(parseOutbox(readFileSync(file, 'utf8'))?.series).toBe(server.series);
  });

  it('loses no event whose number a loss of power has had given twice, though the process after it ended before it could ask', async () => {
    const server = new FakeEventServer();
    {
      await using outbox = open(server);
      outbox.post(event('a'));
      await runFor(outbox, 10);
    }
    // What the next process sent is there, and its file has lost that.
    server.sequence = 2;
    {
      await using outbox = open(server);
      outbox.post(event('b'));
    }
    await using outbox = open(server);
    outbox.post(event('c'));
    await runFor(outbox, 10);
    expect(server.names).toEqual(['a', 'b', 'c']);
  });

  it('takes events while the disk hangs, sends none before it is written, and writes and sends all of them', async () => {
    const server = new FakeEventServer();
    const disk = new HangingDisk();
    await using outbox = open(server, { calls: disk });
    outbox.post(event('a'));
    await runFor(outbox, 10);
    disk.hang();
    const stop = new AbortController();
    const running = outbox.run(stop.signal);
    for (let n = 0; n < 100; n += 1) outbox.post(event(`${n}`), `name ${n}`);
    outbox.free('name 7');
    await clock.advance(5000);
    expect(server.names).toEqual(['a']);
    expect([outbox.size, outbox.holds('name 6'), outbox.holds('name 7')]).toEqual([100, true, false]);
    stop.abort();
    await running;
    disk.goOn();
    await writes.settled(longMs);
    const names = Array.from({ length: 100 }, (_, n) => `${n}`);
    expect(parseOutbox(readFileSync(file, 'utf8'))).toMatchObject({
      pending: names.map((name, n) => ({ sequence: n + 2, event: { name } })),
      names: names.filter((name) => name !== '7').map((name) => `name ${name}`),
    });
    await runFor(outbox, 5000);
    expect(server.names).toEqual(['a', ...names]);
  });

  it('is never written anew with an event but without its name, which is freed while an acknowledgement waits', async () => {
    const server = new FakeEventServer();
    const left = join(folder, 'left.jsonl');
    // Opened when it has just been written anew: what a process leaves that is killed there.
    class DyingDisk extends HangingDisk {
      override async open(path: string): Promise<number> {
        copyFileSync(path, left);
        return await super.open(path);
      }
    }
    const disk = new DyingDisk();
    await using outbox = open(server, { calls: disk });
    outbox.post(event('first'));
    await runFor(outbox, 10);
    for (let n = 0; n < 300; n += 1) outbox.post({ ...event('x'), args: new Uint8Array(1000) });
    await writes.settled(longMs);
    disk.hang();
    outbox.post(event('waits for the disk'));
    const stop = new AbortController();
    const running = outbox.run(stop.signal);
    await clock.advance(1000);
    expect(server.names).toHaveLength(301);
    outbox.post(event('the end'), 'end');
    outbox.free('end');
    disk.goOn();
    await writes.settled(longMs);
    stop.abort();
    await running;
    expect(existsSync(left)).toBe(true);
    const found = parseOutbox(readFileSync(left, 'utf8'));
    const names = found?.pending.map((entry) => entry.event.name);
    expect(names).toContain('waits for the disk');
    expect(names).not.toContain('the end');
    expect(parseOutbox(readFileSync(file, 'utf8'))?.names).toEqual([]);
  });

  it('has an event synced before what is told after it takes away its cause', async () => {
    const disk = new HangingDisk();
    await using outbox = open(new FakeEventServer(), { calls: disk });
    outbox.post(event('the end of a kernel'));
    await writes.afterSync(async () => expect(disk.synced).toBe(1));
  });

  it('still sends what the disk does not take', async () => {
    const server = new FakeEventServer();
    await using outbox = open(server);
    rmSync(folder, { recursive: true });
    for (let n = 0; n < 5; n += 1) outbox.post(event(`${n}`));
    await runFor(outbox, 10);
    expect(server.names).toHaveLength(5);
    folder = mkdtempSync(join(tmpdir(), 'outbox-'));
  });

  it('says that it cannot be opened, naming the file', () => {
    writeFileSync(join(folder, 'blocked'), '');
    expect(
      () => new Outbox(join(folder, 'blocked', 'x'), { target: new FakeEventServer(), writes, clock, log }),
    ).toThrow(/blocked/);
  });
});

describe('the file of the outbox', () => {
  it('survives being cut anywhere after its heading: whole lines count', async () => {
    {
      await using outbox = open(new FakeEventServer());
      for (const name of ['a', 'b']) outbox.post(event(name), name);
    }
    const whole = readFileSync(file);
    for (let size = whole.indexOf('\n') + 1; size <= whole.length; size += 1) {
      writeFileSync(file, whole);
      truncateSync(file, size);
      await using outbox = open(new FakeEventServer());
      outbox.post(event('c'));
      await writes.settled(longMs);
      const names = parseOutbox(readFileSync(file, 'utf8'))?.pending.map((entry) => entry.event.name);
      expect(names?.join('')).toMatch(/^(ab|a)?c$/);
      // A name is there with its event or not at all.
      expect(['a', 'b'].filter((name) => outbox.holds(name)).join('')).toBe(names?.join('').slice(0, -1));
    }
  });

  it('holds one content for acknowledgements that wait for the disk, and is written anew once for them', async () => {
    const disk = new HangingDisk();
    await using target = new OutboxFile(file, { writes, calls: disk });
    for (let sequence = 1; sequence <= 300; sequence += 1)
      await target.append({ sequence, event: { ...event('x'), args: new Uint8Array(1000) } }, null);
    disk.hang();
    let asked = 0;
    const content = (): OutboxContent => {
      asked += 1;
      return { ...target.loaded, next: 301, pending: [], names: ['held'] };
    };
    const noted = [298, 299, 300].map((sequence) => target.acknowledge(sequence, content));
    disk.goOn();
    await Promise.all(noted);
    expect(asked).toBe(1);
    expect(readFileSync(file, 'utf8').split('\n').filter(Boolean)).toEqual([
      expect.stringContaining('"next":301'),
      '{"once":"held"}',
      '{"acknowledged":299}',
      '{"acknowledged":300}',
    ]);
  });

  it('leaves out foreign lines, and sets a file without heading aside', async () => {
    {
      await using outbox = open(new FakeEventServer());
      outbox.post(event('a'));
    }
    appendFileSync(file, 'nonsense\n{}\nnull\n{"sequence":1,"name":"again","source":"s","args":""}\n');
    {
      await using outbox = open(new FakeEventServer());
      expect(outbox.size).toBe(1);
    }
    writeFileSync(file, 'nonsense\n');
    await using outbox = open(new FakeEventServer());
    expect(outbox.size).toBe(0);
    expect(readFileSync(`${file}.damaged`, 'utf8')).toBe('nonsense\n');
  });
});
