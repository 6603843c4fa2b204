/** The stations of the tour. Each is what a newcomer would type, with what must come back. */
import assert from 'node:assert/strict';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kernelet, Outcome, RunOptions } from './kernelet.ts';
import * as programs from './programs.ts';
import * as screen from './screen.ts';

/** Times of the summary, in milliseconds. */
export interface Times {
  create?: number;
  firstOutput?: number;
  query?: number;
  destroy?: number;
}

export interface Tour {
  readonly kernelet: Kernelet;
  /** A folder for files that the tour writes. */
  readonly folder: string;
  readonly times: Times;
  /** Starts the daemon and resolves when it answers. */
  startDaemon(): Promise<void>;
  /** SIGKILL to the daemon; resolves when it is gone. */
  killDaemon(): Promise<void>;
}

export interface Station {
  readonly title: string;
  readonly text: string;
  run(tour: Tour): Promise<void>;
}

const short = (argument: string): string =>
  argument.includes('\n') ? `'${argument.split('\n')[0]} …'` : /[^\w./:=-]/.test(argument) ? `'${argument}'` : argument;

async function show(tour: Tour, args: readonly string[], expected: number, options: RunOptions = {}): Promise<Outcome> {
  screen.command(`kernelet ${args.map(short).join(' ')}`);
  const outcome = await tour.kernelet.run(args, options);
  if (outcome.stdout) screen.output(outcome.stdout);
  if (outcome.stderr && !options.showProgress) screen.output(outcome.stderr);
  assert.equal(
    outcome.status,
    expected,
    `\`kernelet ${args.join(' ')}\` ended with status ${outcome.status}, not ${expected}:\n${outcome.stderr}`,
  );
  return outcome;
}

async function createKernel(tour: Tour, language: string): Promise<{ id: string; ms: number }> {
  const outcome = await show(tour, ['create', '--lang', language], 0);
  const id = outcome.stdout.trim();
  assert.match(id, /^[0-9a-f-]{36}$/);
  return { id, ms: outcome.ms };
}

async function removeKernel(tour: Tour, id: string): Promise<number> {
  return (await show(tour, ['rm', id], 0)).ms;
}

/** The id of the Python kernel that several stations use. */
let python = '';

export const stations: readonly Station[] = [
  {
    title: 'Images',
    text: 'A kernel image per language, built once from the Dockerfiles in images/.',
    async run(tour) {
      for (const name of ['python', 'gcc', 'nodejs', 'shell']) {
        await show(tour, ['image', 'build', name, '--if-missing'], 0, { showProgress: true });
      }
    },
  },
  {
    title: 'The daemon',
    text: '`kernelet serve` with no configuration: a code-execution server on a UNIX socket.',
    async run(tour) {
      screen.command('kernelet serve &');
      await tour.startDaemon();
    },
  },
  {
    title: 'Python with state',
    text: 'A kernel is an interpreter in a container of its own; what one query defines, the next one sees.',
    async run(tour) {
      const made = await createKernel(tour, 'python');
      python = made.id;
      tour.times.create = made.ms;
      const first = await show(
        tour,
        ['exec', python, '-c', 'answer = 41; print("hello from", __import__("os").uname().nodename)'],
        0,
      );
      tour.times.firstOutput = first.ms;
      const second = await show(tour, ['exec', python, '-c', 'answer + 1'], 0);
      tour.times.query = second.ms;
      assert.match(second.stdout, /^42\n?$/);
    },
  },
  {
    title: 'A question from the program',
    text: '`input()` waits for an answer from whoever sent the query.',
    async run(tour) {
      const outcome = await show(
        tour,
        ['exec', python, '-c', 'name = input("Your name? "); print(f"Hello, {name}!")'],
        0,
        { input: 'Ada\n' },
      );
      assert.match(outcome.stdout, /Hello, Ada!/);
    },
  },
  {
    title: 'An exception',
    text: 'The traceback goes to standard error and the status is 1, as with python3 itself.',
    async run(tour) {
      const outcome = await show(tour, ['exec', python, '-c', 'def half(n):\n    return n / 0\nhalf(4)'], 1);
      assert.match(outcome.stderr, /ZeroDivisionError/);
    },
  },
  {
    title: 'A picture',
    text: 'Rich output: a value that knows how to show itself as PNG arrives as a picture.',
    async run(tour) {
      const folder = path.join(tour.folder, 'media');
      await mkdir(folder, { recursive: true });
      await show(tour, ['exec', python, '--save-media', folder, '-c', programs.picture], 0);
      const names = (await readdir(folder)).filter((name) => name.endsWith('.png'));
      assert.equal(names.length, 1, `one picture is saved, not ${names.length}`);
      const { size } = await stat(path.join(folder, names[0] ?? ''));
      screen.explain(`saved ${names[0]} (${size} bytes)`);
    },
  },
  {
    title: 'A C program from uploaded files',
    text: 'Files go into the kernel; a batch run builds and executes them.',
    async run(tour) {
      const { id } = await createKernel(tour, 'c');
      const files = { 'main.c': programs.cMain, 'greet.c': programs.cGreet, 'greet.h': programs.cHeader };
      for (const [name, content] of Object.entries(files)) await writeFile(path.join(tour.folder, name), content);
      await show(tour, ['upload', id, ...Object.keys(files).map((name) => path.join(tour.folder, name)), '.'], 0);
      const outcome = await show(tour, ['exec', id, '--batch', '--build', '*', '--exec', './main kernelet'], 0);
      assert.match(outcome.stdout, /Hello, kernelet/);
      await removeKernel(tour, id);
    },
  },
  {
    title: 'JavaScript',
    text: 'The same for Node.js, state included.',
    async run(tour) {
      const { id } = await createKernel(tour, 'nodejs');
      await show(tour, ['exec', id, '-c', 'const squares = [1, 2, 3].map((n) => n * n)'], 0);
      const outcome = await show(tour, ['exec', id, '-c', 'squares.reduce((a, b) => a + b)'], 0);
      assert.match(outcome.stdout, /14/);
      await removeKernel(tour, id);
    },
  },
  {
    title: 'A shell',
    text: 'Variables and the working folder are kept here too.',
    async run(tour) {
      const { id } = await createKernel(tour, 'shell');
      await show(tour, ['exec', id, '-c', 'mkdir -p project && cd project && greeting=hello'], 0);
      const outcome = await show(tour, ['exec', id, '-c', 'echo "$greeting from ${PWD##*/} as $(id -un)"'], 0);
      assert.match(outcome.stdout, /hello from project as work/);
      await removeKernel(tour, id);
    },
  },
  {
    title: 'A time limit',
    text: '`kernelet run` is one shot: create, execute, stream, destroy. This program never ends by itself.',
    async run(tour) {
      const outcome = await show(tour, ['run', '--timeout', '1s', '--lang', 'python', '-c', 'while True: pass'], 137);
      assert.match(outcome.stderr, /time limit/);
    },
  },
  {
    title: 'A memory limit',
    text: 'And this one asks for more memory than it may have.',
    async run(tour) {
      const outcome = await show(
        tour,
        ['run', '--mem', '96m', '--lang', 'python', '-c', 'data = bytearray(400 * 1024 * 1024)'],
        137,
      );
      assert.match(outcome.stderr, /memory limit/);
    },
  },
  {
    title: 'The daemon dies',
    text: 'SIGKILL while a query runs. Kernels live on in their containers; a new daemon finds them, nothing is lost.',
    async run(tour) {
      const args = ['exec', python, '-c', programs.counting];
      screen.command(`kernelet ${args.map(short).join(' ')} &`);
      const counting = tour.kernelet.run(args);
      await sleep(700);
      screen.command('kill -9 <daemon>; kernelet serve &');
      await tour.killDaemon();
      await tour.startDaemon();
      const outcome = await counting;
      screen.output(outcome.stdout);
      assert.equal(outcome.stdout, `${Array.from({ length: 10 }, (_, index) => `tick ${index + 1}\n`).join('')}`);
      const kept = await show(tour, ['exec', python, '-c', 'answer + 1'], 0);
      assert.match(kept.stdout, /^42\n?$/);
    },
  },
  {
    title: 'The end of a kernel',
    text: 'Removing it returns when nothing of it is left.',
    async run(tour) {
      tour.times.destroy = await removeKernel(tour, python);
    },
  },
];
