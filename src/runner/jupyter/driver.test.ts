import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DriverHarness, type QueryOptions, quiet } from '../../../test/support/driver-harness.ts';
import type { Step } from '../../../test/support/scripted-kernel.ts';
import type { FromDriver } from '../driver-protocol.ts';

const root = join(import.meta.dirname, '../../..');
const script = join(root, 'test/support/scripted-kernel.ts');

let folder: string;
let driver: DriverHarness | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kernelet-jupyter-test-'));
});
afterEach(() => {
  driver?.[Symbol.dispose]();
  driver = null;
  rmSync(folder, { recursive: true });
});

/** Starts a driver for a kernelspec of the scripted kernel. */
async function start(
  options: readonly string[] = [],
  spec: Readonly<Record<string, unknown>> = {},
): Promise<DriverHarness> {
  mkdirSync(join(folder, 'kernels/scripted'), { recursive: true });
  const argv = [process.execPath, '--no-warnings', script, '{connection_file}', ...options];
  writeFileSync(join(folder, 'kernels/scripted/kernel.json'), JSON.stringify({ argv, ...spec }));
  return await startFor({ name: 'scripted' });
}

async function startFor(choice: Readonly<Record<string, unknown>>): Promise<DriverHarness> {
  const task = JSON.stringify({ choice, folders: [folder] });
  const argv = [process.execPath, '--no-warnings', join(root, 'src/runner/main.ts'), '=jupyter-driver', `=${task}`];
  driver = await DriverHarness.start(argv, { TMPDIR: folder });
  return driver;
}

const run = (kernel: DriverHarness, steps: readonly Step[], options: QueryOptions = {}) =>
  kernel.query(JSON.stringify(steps), options);
const printed = (events: readonly FromDriver[]): string =>
  events.map((event) => (event.ev === 'stream' ? event.text : '')).join('');

describe('a Jupyter kernel', () => {
  it('keeps its state, and leaves no file behind', async () => {
    const kernel = await start();
    expect(readdirSync(folder)).toEqual(['kernels']);
    for (const value of ['1', '2']) expect(await run(kernel, [['count']])).toEqual({ ...quiet, value });
    expect(await kernel.complete('os.pa', 3)).toEqual(['os.pa@3']);
    expect(await kernel.end()).toBe(0);
  });

  it('asks for input, and is deaf to noise', async () => {
    const kernel = await start();
    const steps: Step[] = [['noise'], ['ask', 'who? ', false], ['ask', 'secret? ', true]];
    const { events } = await run(kernel, steps, { answers: ['me', 'pass'] });
    expect(events).toEqual([
      { ev: 'input', prompt: 'who? ', password: false },
      { ev: 'stream', name: 'stdout', text: 'answer: me\n' },
      { ev: 'input', prompt: 'secret? ', password: true },
      { ev: 'stream', name: 'stdout', text: 'answer: pass\n' },
    ]);
  });

  it.each(['signal', 'message'])('is interrupted by %s where its kernelspec says so, and lives on', async (mode) => {
    const kernel = await start([], { interrupt_mode: mode });
    await run(kernel, [['count']]);
    const steps: Step[] = [['publish', 'stream', { name: 'stdout', text: 'on' }], ['wait']];
    const { error, exitCode } = await run(kernel, steps, { interruptAt: 'on' });
    expect(error).toEqual({ name: 'Interrupted', message: `by ${mode}`, traceback: '' });
    expect(exitCode).toBe(130);
    expect((await run(kernel, [['count']])).value).toBe('2');
  });

  it('that dies ends the driver in the same way, with what it said before', async () => {
    const last = ['publish', 'stream', { name: 'stdout', text: 'last words' }] as const;
    let outcome = await run(await start(), [last, ['die', 'SIGKILL']]);
    expect([printed(outcome.events), outcome.exitCode]).toEqual(['last words', -9]);
    outcome = await run(await start(), [last, ['exit', 3]]);
    expect(printed(outcome.events)).toMatch(
      /^last wordskernelet: the Jupyter kernel scripted ended with status 3: .*lost\n$/,
    );
    expect(outcome.exitCode).toBe(3);
  });

  it('that is asked to quit ends the query with 0', async () => {
    const quit: Step = ['reply', { status: 'ok', payload: [{ source: 'ask_exit', keepkernel: false }] }];
    expect(await run(await start(), [quit])).toEqual(quiet);
  });

  it.each([
    ['uses the loopback alone', ['--only-tcp']],
    ['joins paths in its own way', ['--colon']],
    ['publishes nothing about its info', ['--quiet']],
  ])('works that %s', async (_, options) => {
    expect((await run(await start(options), [['count']])).value).toBe('1');
  });

  it('prints by its streams too, and loses nothing of much output', async () => {
    const kernel = await start();
    expect(await run(kernel, [['print', 'straight\n']])).toEqual({ ...quiet, stdout: 'straight\n' });
    const { events } = await run(kernel, [['flood', 3000, 5000]]);
    expect(printed(events).length).toBe(15_000_000);
  });
});

it('whether a kernel sends what it prints is told by what it has as its standard output', async () => {
  expect((await start()).first).toEqual({ ev: 'ready', interruptByLine: true, streamsAreCopies: false });
  driver?.[Symbol.dispose]();
  const argv = ['sh', '-c', `exec "${process.execPath}" "${script}" "$0" >/dev/null`, '{connection_file}'];
  expect((await start([], { argv })).first).toMatchObject({ streamsAreCopies: true });
});

it('opens its sockets in a folder of its own, until it answers', async () => {
  // A kernel that needs a while from one socket to the next must find the folder for each.
  const kernel = await start(['--slow']);
  expect(kernel.first).toMatchObject({ ev: 'ready' });
});

describe('a driver without its kernel', () => {
  it('says which kernels the image has', async () => {
    const kernel = await start();
    kernel[Symbol.dispose]();
    expect((await startFor({ name: 'R' })).first).toEqual({
      ev: 'unable',
      isMissing: false,
      reason: 'this image has no Jupyter kernel "R"; it has scripted',
    });
    // For a language there are other ways than a kernel.
    expect((await startFor({ language: 'r', nameHas: 'ir' })).first).toMatchObject({ ev: 'unable', isMissing: true });
  });

  it('says how the kernel ended', async () => {
    expect((await start([], { argv: ['sh', '-c', 'exit 4'] })).first).toMatchObject({
      ...{ ev: 'unable', isMissing: false },
      reason: 'the Jupyter kernel scripted did not start: it ended with status 4',
    });
    expect((await start([], { argv: ['/nowhere/R'] })).first).toMatchObject({
      reason: expect.stringContaining('status 127'),
    });
  });
});
