import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/manager/eventually.ts';
import { stageFor } from '../support/manager/stage.ts';

const stage = stageFor('i-execute');
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

// @promise unmodified-manager
describe.concurrent('execute', () => {
  it('runs one piece of code after the other in one process', async () => {
    await using session = await stage.session();
    expect(await session.run('x = 20')).toMatchObject({ stdout: '', exitCode: 0 });
    expect(await session.run('import sys; print(x + 1); print("aside", file=sys.stderr)')).toMatchObject({
      stdout: '21\n',
      stderr: 'aside\n',
      exitCode: 0,
    });
  });

  it('shows exceptions', async () => {
    await using session = await stage.session();
    const run = await session.run('def broken():\n    return 1 / 0\nbroken()');
    expect(run.stderr).toContain('ZeroDivisionError: division by zero');
    expect(run.stderr).toContain('in broken');
    expect((await session.run('print("goes on")')).stdout).toBe('goes on\n');
  });

  it('asks for input', async () => {
    await using session = await stage.session();
    const run = await session.run('a = input("name? "); b = input("age? "); print(f"<{a}> <{b}>")', ['Ä da', '7']);
    expect(run.statuses.filter((status) => status === 'waiting-input')).toHaveLength(2);
    expect(run.stdout).toContain('<Ä da> <7>\n');
  });

  it('is continued while it runs for long', async () => {
    await using session = await stage.session();
    const run = await session.run('import time\nfor n in range(6):\n    print(n, flush=True); time.sleep(1)');
    expect(run.statuses).toContain('continued');
    expect(run.stdout).toBe('0\n1\n2\n3\n4\n5\n');
  });

  it('shows pictures and HTML', async () => {
    await using session = await stage.session();
    const run = await session.run(
      [
        'import base64',
        'class Picture:',
        `    def _repr_png_(self): return base64.b64decode("${pixel}")`,
        'class Page:',
        '    def _repr_html_(self): return "<b>bold</b>"',
        'Picture()',
      ].join('\n'),
    );
    expect(run.shown).toHaveLength(1);
    const [kind, picture] = run.shown[0] ?? [];
    expect(kind).toBe('media');
    expect(JSON.stringify(picture)).toContain('image/png');
    expect(JSON.stringify(picture)).toContain(pixel.slice(0, 40));
    expect((await session.run('Page()')).shown).toEqual([['html', '<b>bold</b>']]);
    expect((await session.run('print("goes on")')).stdout).toBe('goes on\n');
  });

  it('builds and runs uploaded files in batch mode', async () => {
    await using session = await stage.session();
    const source = Buffer.from('import sys; print("ran", len(sys.argv)); sys.exit(4)').toString('base64');
    await session.call('upload', { files: { 'main.py': source } });
    const run = await session.run('', [], 'batch', {
      clean: 'rm -f *.out',
      build: 'echo built > a.out; cat a.out',
      exec: 'python main.py one two',
    });
    expect(run.statuses).toEqual(expect.arrayContaining(['clean-finished', 'build-finished', 'finished']));
    expect(run).toMatchObject({ exitCode: 4, stdout: 'built\nran 3\n' });
  });

  it('completes names', async () => {
    await using session = await stage.session();
    await session.run('a_long_name = 1');
    const { result } = await session.ask<{ result: { completions: readonly string[] } }>('complete', 'a_lo', {
      row: 0,
      col: 4,
      line: 'a_lo',
      post: '',
    });
    expect(result.completions).toContain('a_long_name');
  });

  it('is interrupted', async () => {
    await using session = await stage.session();
    const run = session.run('open("begun.txt", "w").close()\nimport time\ntime.sleep(100)');
    const begun = async () =>
      expect((await session.ask<{ files: string }>('list_files', '.')).files).toContain('begun');
    await eventually(begun, 30);
    await session.ask('interrupt');
    expect((await run).stderr).toContain('KeyboardInterrupt');
    expect((await session.run('print("goes on")')).stdout).toBe('goes on\n');
  });

  it('runs what comes meanwhile afterwards', async () => {
    await using session = await stage.session();
    await session.run('seen = []');
    const runs = [1, 2, 3].map((n) => session.run(`import time; time.sleep(0.5); seen.append(${n}); print(${n})`));
    expect((await Promise.all(runs)).map(({ stdout }) => stdout)).toEqual(['1\n', '2\n', '3\n']);
    expect((await session.run('print(sorted(seen))')).stdout).toBe('[1, 2, 3]\n');
  });

  it('goes over a WebSocket', async () => {
    await using session = await stage.session();
    const messages = await session.call<readonly { status: string; console?: readonly (readonly string[])[] }[]>(
      'stream_execute',
      { code: 'name = input("name? "); print("hello", name)', answer: 'world' },
    );
    expect(messages.at(-1)?.status).toBe('finished');
    const text = messages.flatMap((message) => message.console ?? []).map(([, what]) => what);
    expect(text.join('')).toContain('hello world\n');
  });

  it('ends with the session', async () => {
    await using session = await stage.session();
    const run = session.run('import time; time.sleep(100)').catch((error: Error) => error);
    await sleep(2000);
    await session.destroy();
    // A result or a refusal, but one of them at once.
    await Promise.race([run, sleep(15_000).then(() => Promise.reject(new Error('the run still waits')))]);
  });
});
