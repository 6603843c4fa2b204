/** Contexts in a real container: variables of their own, other languages, folders, and what ends with one. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunnerSession } from '../support/runner-session.ts';

let kernel: RunnerSession;
beforeAll(async () => {
  kernel = await RunnerSession.start('python', 'kernelet/python');
});
afterAll(() => kernel?.[Symbol.asyncDispose]());

const create = (name: string, runtime: string | null = null, cwd: string | null = null) =>
  kernel.peer.request('create-context', { name, runtime, cwd });
const query = (context: string, code: string) => kernel.execute({ mode: 'query', code, context, timeoutMs: 20_000 });
const list = async () => (await kernel.peer.request('contexts', null)).contexts;

describe('contexts', () => {
  // @promise contexts
  it('have variables of their own, and run beside each other', async () => {
    await create('second');
    await query('main', 'x = 1');
    await query('second', 'x = 2');
    const waiting = query('main', 'import os\nos.path.exists("go") or os.mkfifo("go")\nprint(open("go").read(), x)');
    expect((await query('second', 'print(x)')).stdout).toBe('2\n');
    await kernel.shell('until [ -p go ]; do sleep 0.01; done; echo gone on >go');
    expect((await waiting).stdout).toBe('gone on\n 1\n');
  });

  it('have other languages that the image has, and say which it has not', async () => {
    await create('sh', 'shell');
    expect((await query('sh', 'y=3; echo $y')).stdout).toBe('3\n');
    await expect(create('js', 'nodejs')).rejects.toMatchObject({ code: 'NOT_SUPPORTED', message: /no node/ });
    await expect(query('js', '1')).rejects.toMatchObject({ code: 'CONTEXT_NOT_FOUND' });
  });

  it('start in a folder that nobody but the tenant may enter, and in none that it may not', async () => {
    await kernel.shell('mkdir -m 700 private');
    await create('inside', null, 'private');
    expect((await query('inside', 'import os; print(os.getcwd())')).stdout).toBe('/home/work/private\n');
    await create('nowhere', null, '/opt/kernel/run');
    const refused = await query('nowhere', '1');
    expect([refused.exitCode, refused.stderr]).toEqual([127, expect.stringContaining('/opt/kernel/run')]);
    expect((await kernel.shell('pwd')).stdout).toBe('/home/work\n');
  });

  // @promise contexts
  it('are restarted and removed alone, with what runs and waits in them', async () => {
    await create('third');
    await query('third', 'z = 1');
    const ends = ['import time; time.sleep(60)', 'z'].map((code) => query('third', code));
    await expect.poll(async () => (await list()).find(({ name }) => name === 'third')?.waiting).toBe(1);
    await kernel.peer.request('restart-context', { name: 'third' });
    expect((await Promise.all(ends)).map(({ reason }) => reason)).toEqual(['cancelled', 'cancelled']);
    expect((await query('third', 'print("z" in globals())')).stdout).toBe('False\n');
    const running = query('third', 'import time; time.sleep(60)');
    await expect.poll(async () => (await list()).find(({ name }) => name === 'third')?.running).not.toBeNull();
    await kernel.peer.request('remove-context', { name: 'third' });
    expect((await running).reason).toBe('cancelled');
    expect((await list()).map(({ name }) => name)).not.toContain('third');
    expect((await query('main', 'print(x)')).stdout).toBe('1\n');
  });
});
