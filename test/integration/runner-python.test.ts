/** Python in real containers: plain, and IPython where the image has it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { protocolGeneration } from '../../src/protocol/agent-frames.ts';
import { displayedForms } from '../../src/protocol/display.ts';
import { RunnerSession } from '../support/runner-session.ts';

const start = (image: string) => RunnerSession.start('python', image, { config: { interpreter: 'lazy' } });

describe('plain Python', () => {
  let kernel: RunnerSession;
  beforeAll(async () => {
    kernel = await start('kernelet/python');
  });
  afterAll(() => kernel?.[Symbol.asyncDispose]());

  it('keeps state, shows the last value, and says what went wrong', async () => {
    expect(await kernel.query('x = 41')).toMatchObject({ stdout: '', stderr: '', exitCode: 0, reason: 'exited' });
    expect((await kernel.query('x + 1')).stdout).toBe('42\n');
    const failed = await kernel.query('def f():\n    raise ValueError("no")\nf()');
    expect(failed).toMatchObject({ exitCode: 1, reason: 'exited' });
    expect(failed.stderr).toMatch(/^Traceback .*in f\n.*ValueError: no\n$/s);
    expect(failed.stderr).not.toContain('/opt/backend.ai');
  });

  it('gives output of children and of C in its place, and every byte of it', async () => {
    const code = `import os, subprocess, ctypes, sys
print("python"); os.system("echo child; echo error >&2")
ctypes.CDLL(None).puts(b"C"); sys.stdout.buffer.write(b"\\xff\\xfe\\n"); sys.stdout.flush()
_ = subprocess.run(["sh", "-c", "echo sub"])`;
    const { events, stderr } = await kernel.query(code);
    const bytes = Buffer.concat(events.filter(({ event }) => event.kind === 'stdout').map(({ body }) => body));
    expect(bytes.toString('latin1')).toBe('python\nchild\nC\n\xff\xfe\nsub\n');
    expect(stderr).toBe('error\n');
  });

  it('asks, in the clear and covertly, and is given the answers', async () => {
    const name = kernel.nextRun();
    const answers = ['Ada', 'secret'];
    const asked: unknown[] = [];
    const code = 'import getpass; name = input("name? "); print(name, getpass.getpass("pass? "))';
    const result = await kernel.peer.run(name, { mode: 'query', code, timeoutMs: 20_000 }, ({ event }) => {
      if (event.kind !== 'waiting-input') return;
      asked.push([event.prompt, event.password]);
      void kernel.peer.request('input', { run: name, text: answers.shift() ?? '' });
    });
    expect(result.stdout).toBe('Ada secret\n');
    expect(asked).toEqual([
      ['name? ', false],
      ['pass? ', true],
    ]);
    await expect(kernel.peer.request('input', { run: name, text: 'late' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it.each(['while True: pass', 'import time; time.sleep(30)', 'input("?")', 'import asyncio; await asyncio.sleep(30)'])(
    'is interrupted in %j, and its state is still there',
    async (code) => {
      const told = await kernel.interruptedQuery(`print("on", flush=True); import time; time.sleep(0.1)\n${code}`);
      expect(told.exitCode).toBe(130);
      expect(told.stderr).toMatch(/KeyboardInterrupt\n$/);
      expect((await kernel.query('x')).stdout).toBe('41\n');
    },
  );

  it('does not wait for what it left in the background, whose later output is no other run’s', async () => {
    const late = 'import threading, time\nthreading.Timer(0.3, lambda: print("late")).start()';
    expect(
      (await kernel.query(`${late}\nimport subprocess; subprocess.Popen(["sleep", "30"])\nprint("now")`)).stdout,
    ).toBe('now\n');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect((await kernel.query('print("next")')).stdout).toBe('next\n');
    expect(await kernel.container.logs()).toContain('late');
  });

  it('that dies ends its query with a sentence, and begins anew', async () => {
    expect(await kernel.query('import os; os._exit(5)')).toMatchObject({ exitCode: 5, reason: 'exited' });
    expect(await kernel.query('import os; os.kill(os.getpid(), 9)')).toMatchObject({
      exitCode: -9,
      reason: 'signalled',
      stderr: 'kernelet: signal 9 ended the interpreter: its variables are lost\n',
    });
    expect(await kernel.query('x')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('NameError') });
    expect(await kernel.query('def r(): r()\nr()')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('RecursionError'),
    });
  });

  it('loses its memory at the limit and says so by the reason', async () => {
    expect(await kernel.query('x = bytearray(2_000_000_000)', 30_000)).toMatchObject({ reason: 'memory-limit' });
    expect((await kernel.query('1 + 1')).stdout).toBe('2\n');
  });

  it('completes', async () => {
    await kernel.query('abc_first = 1; abc_second = 2');
    expect(await kernel.peer.request('complete', { code: 'abc_', cursor: 4 })).toEqual({
      matches: ['abc_first', 'abc_second'],
    });
  });

  it('runs programs as python3 -c does: no echo of values, arguments, status', async () => {
    expect(await kernel.program('import sys\n5\nprint(sys.argv)\nsys.exit(7)', ['a', '-b'])).toMatchObject({
      stdout: "['-c', 'a', '-b']\n",
      exitCode: 7,
    });
  });
});

describe('IPython', () => {
  let kernel: RunnerSession;
  beforeAll(async () => {
    kernel = await start('kernelet/python-science');
  }, 60_000);
  afterAll(() => kernel?.[Symbol.asyncDispose]());
  const media = async (code: string) => {
    const { events, stdout, stderr } = await kernel.query(code, 60_000);
    const shown = events.flatMap(({ event, body }) => {
      if (event.kind !== 'display') return [];
      const forms = displayedForms(event.forms, body).map(({ type, body: content }) => {
        const text = Buffer.from(content).toString('latin1');
        return [type, type === 'image/png' ? text.slice(1, 4) : text];
      });
      return [[event.role, Object.fromEntries(forms)]];
    });
    return { shown, stdout, stderr };
  };

  it('takes over where the code speaks its language, and keeps what plain queries made', async () => {
    await kernel.query('x = 41');
    expect((await kernel.query('%who_ls int')).stdout).toBe("['x']\n");
    expect((await kernel.query('get_ipython().__class__.__mro__[1].__name__')).stdout).toBe("'InteractiveShell'\n");
    expect(await kernel.query('!echo child; echo error >&2')).toMatchObject({ stdout: 'child\n', stderr: 'error\n' });
    expect((await kernel.query('await __import__("asyncio").sleep(0, x + 1)')).stdout).toBe('42\n');
  });

  it('has the same exit rules', async () => {
    expect(await kernel.query('import sys; sys.exit(3)')).toMatchObject({ exitCode: 3, stderr: '' });
    const failed = await kernel.query('1/0');
    expect(failed).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/ZeroDivisionError: division by zero\n$/),
    });
    expect(await kernel.query('x = = 1')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('SyntaxError'),
    });
    expect((await kernel.query('x')).stdout).toBe('41\n');
  });

  it('is interrupted with a traceback of the user’s code only', async () => {
    const told = await kernel.interruptedQuery('import time; print("on", flush=True); time.sleep(30)');
    expect(told).toMatchObject({ exitCode: 130, stderr: expect.stringMatching(/KeyboardInterrupt\n$/) });
    expect(told.stderr).not.toContain('/opt/backend.ai');
    expect((await kernel.query('x')).stdout).toBe('41\n');
  });

  it('shows pictures once, HTML, and what NumPy prints', async () => {
    await kernel.reconnect({ protocol: protocolGeneration });
    const figure = { 'image/png': 'PNG', 'text/plain': expect.stringMatching(/^<Figure size 640x480 with 1 Axes>$/) };
    expect(await media('import matplotlib.pyplot as plt; _ = plt.plot([1, 2]); plt.show()')).toEqual({
      shown: [['display', figure]],
      stdout: '',
      stderr: '',
    });
    expect((await media('_ = plt.plot([2, 1])')).shown).toEqual([['display', figure]]);
    expect(await media('fig, ax = plt.subplots(); fig')).toMatchObject({ shown: [['result', figure]], stdout: '' });
    const page = { 'text/html': '<b>x</b>', 'text/plain': '<IPython.core.display.HTML object>' };
    expect((await media('from IPython.display import HTML; HTML("<b>x</b>")')).shown).toEqual([['result', page]]);
    const array = [['result', { 'text/plain': 'array([0, 1, 2])' }]];
    expect((await media('import numpy; numpy.arange(3)')).shown).toEqual(array);
    const frame = await media('import pandas; pandas.DataFrame({"a": [1]})');
    expect(frame.shown).toEqual([
      ['result', { 'text/plain': '   a\n0  1', 'text/html': expect.stringContaining('<table border="1"') }],
    ]);
  });

  it('tells of the error that a query ends with, and of no other', async () => {
    const failed = await kernel.query('%who\n1/0');
    expect(failed).toMatchObject({ exitCode: 1, stderr: '' });
    const told = failed.events.find(({ event }) => event.kind === 'error');
    expect(told?.event).toEqual({ kind: 'error', name: 'ZeroDivisionError', message: 'division by zero' });
    expect(Buffer.from(told?.body ?? []).toString()).toMatch(/ZeroDivisionError: division by zero\n$/);
    await kernel.shell('echo 1/0 >bad.py');
    const caught = await kernel.query('%run bad.py\n2');
    expect(caught.kinds).toEqual(['started', 'display', 'finished']);
    expect(caught.stderr).toMatch(/ZeroDivisionError: division by zero\n$/);
  });
});
