/** Real Jupyter kernels in real containers: IRkernel for R, ipykernel by its name. */
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { protocolGeneration } from '../../src/protocol/agent-frames.ts';
import { displayedForms } from '../../src/protocol/display.ts';
import { RunnerSession } from '../support/runner-session.ts';
import { ensureDerivedImage } from '../support/test-images.ts';

const withIpykernel = 'kernelet-test/ipykernel';
const startMs = 60_000;

async function session(type: string, image: string): Promise<RunnerSession> {
  const started = await RunnerSession.start(type, image);
  onTestFinished(() => started[Symbol.asyncDispose]());
  await started.reconnect({ protocol: protocolGeneration });
  return started;
}

/** Runs a query that is asked things, each of which gets the next answer. */
async function asked(kernel: RunnerSession, code: string, answers: readonly string[]) {
  const [run, rest] = [kernel.nextRun(), [...answers]];
  const questions: unknown[] = [];
  const told = await kernel.peer.run(run, { mode: 'query', code, timeoutMs: startMs }, ({ event }) => {
    if (event.kind !== 'waiting-input') return;
    questions.push([event.prompt, event.password]);
    void kernel.peer.request('input', { run, text: rest.shift() ?? '' });
  });
  return { ...told, stdout: told.stdout, questions };
}

/** The forms of what a run has shown, by their types. */
function shown(told: Awaited<ReturnType<RunnerSession['query']>>): Record<string, string>[] {
  return told.events.flatMap(({ event, body }) =>
    event.kind === 'display'
      ? [
          Object.fromEntries(
            displayedForms(event.forms, body).map((form) => [form.type, Buffer.from(form.body).toString()]),
          ),
        ]
      : [],
  );
}

// @promise jupyter-kernels
describe('R by IRkernel', () => {
  it('keeps its variables, shows every form of a value, and tells of errors', async () => {
    const kernel = await session('r', 'kernelet/r');
    expect(await kernel.query('x <- c(1, 2, 3); cat("set\\n"); message("really")', startMs)).toMatchObject({
      ...{ stdout: 'set\n', stderr: 'really\n\n', exitCode: 0, reason: 'exited' },
    });
    expect(shown(await kernel.query('mean(x)'))).toEqual([
      { 'text/plain': '[1] 2', 'text/html': '2', 'text/markdown': '2', 'text/latex': '2' },
    ]);
    expect(shown(await kernel.query('plot(x)'))).toMatchObject([{ 'image/png': expect.stringContaining('PNG') }]);
    const failed = await kernel.query('stop("no!")');
    expect(failed.exitCode).toBe(1);
    expect(failed.events.map(({ event }) => event)).toContainEqual(
      expect.objectContaining({ kind: 'error', name: 'ERROR', message: expect.stringContaining('no!') }),
    );
    // A child's output reaches the kernel's own standard output, and no message.
    expect((await kernel.query('invisible(system("echo child"))')).stdout).toBe('child\n');
  });

  it('asks, completes, is interrupted, and keeps its variables over that', async () => {
    const kernel = await session('r', 'kernelet/r');
    expect(await asked(kernel, 'x <- readline("who? "); cat(x)', ['me\n'])).toMatchObject({
      ...{ stdout: 'me', questions: [['who? ', false]] },
    });
    expect(await kernel.peer.request('complete', { code: 'iris$Sepal.L', cursor: 12 })).toEqual({
      matches: ['iris$Sepal.Length'],
    });
    expect((await kernel.interruptedQuery('cat("on\\n"); Sys.sleep(30)')).exitCode).toBe(130);
    expect((await kernel.query('cat(x)')).stdout).toBe('me');
  });

  it('is started again when it has ended, which is said', async () => {
    const kernel = await session('r', 'kernelet/r');
    expect(await kernel.query('x <- 1; tools::pskill(Sys.getpid(), 9)', startMs)).toMatchObject({
      ...{ exitCode: -9, reason: 'signalled', stderr: expect.stringContaining('its variables are lost') },
    });
    expect((await kernel.query('cat(exists("x"))', startMs)).stdout).toBe('FALSE');
    await kernel.shell("kill -9 $(grep -l 'IRkernel::main' /proc/[0-9]*/cmdline | cut -d/ -f3)");
    await expect.poll(() => kernel.peer.status?.interpreter).toBe('idle');
    expect(await kernel.query('cat("anew")', startMs)).toMatchObject({
      ...{ stdout: 'anew', stderr: expect.stringContaining('after the last query: its variables are lost') },
    });
    expect(await kernel.query('q()')).toMatchObject({ exitCode: 0, reason: 'exited', stdout: '' });
    expect(await kernel.query('Sys.sleep(30)', 5000)).toMatchObject({ reason: 'time-limit' });
  });
});

// @promise jupyter-kernels
describe('a Jupyter kernel by its name', () => {
  beforeAll(() => ensureDerivedImage(withIpykernel, 'kernelet/python', ['python3-ipykernel']), 600_000);

  it('answers queries, and nothing else', async () => {
    const kernel = await session('jupyter:python3', withIpykernel);
    expect(shown(await kernel.query('import os; x = 6; x * 7', startMs))).toEqual([{ 'text/plain': '42' }]);
    // What children print comes as a message and to the kernel's own standard output, and is told once.
    expect((await kernel.query('_ = os.system("echo child")')).stdout).toBe('child\n');
    expect((await kernel.query('%%bash\necho magic')).stdout).toBe('magic\n');
    expect((await kernel.query('print("x" * 20_000_000)')).stdout).toHaveLength(20_000_001);
    const code = 'from getpass import getpass; print(input("who? "), getpass("secret? "))';
    expect(await asked(kernel, code, ['me', 'pass'])).toMatchObject({
      ...{
        stdout: 'me pass\n',
        questions: [
          ['who? ', false],
          ['secret? ', true],
        ],
      },
    });
    expect((await kernel.interruptedQuery('import time; print("on", flush=True); time.sleep(30)')).exitCode).toBe(130);
    expect((await kernel.query('print(x)')).stdout).toBe('6\n');
    expect(await kernel.program('1')).toMatchObject({ exitCode: 127, stderr: expect.stringContaining('queries only') });
  });

  it('is named with the others, where the image has none of that name', async () => {
    const kernel = await session('jupyter:ir', withIpykernel);
    expect(await kernel.query('1')).toMatchObject({
      ...{ exitCode: 127, stderr: 'kernelet: this image has no Jupyter kernel "ir"; it has python3\n' },
    });
  });
});

it('a language whose Jupyter kernel the image has not runs a program for each query', async () => {
  const kernel = await session('c', 'kernelet/gcc');
  const code = '#include <stdio.h>\nint main() { puts("c"); }';
  for (let time = 0; time < 2; time += 1) expect((await kernel.query(code)).stdout).toBe('c\n');
  expect(kernel.peer.status?.interpreter).toBe('none');
});
