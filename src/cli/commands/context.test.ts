import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';

let cli: CliUnderTest;
let id: string;
beforeEach(async () => {
  cli = await CliUnderTest.started();
  id = await cli.kernel();
});
afterEach(() => cli[Symbol.asyncDispose]());

describe('context', () => {
  it('makes, lists, restarts and removes contexts of a kernel', async () => {
    expect((await cli.run(['context', 'create', id, 'second', '-w', 'data'])).stdout).toBe('second\n');
    expect((await cli.run(['context', 'create', id, 'js', '--lang', 'node'])).stdout).toBe('js\n');
    const listed = JSON.parse((await cli.run(['context', 'ls', id, '--json'])).stdout);
    expect(listed).toMatchObject([
      { name: 'main', runtime: 'python' },
      { name: 'second', runtime: 'python', cwd: 'data' },
      { name: 'js', runtime: 'nodejs', cwd: null },
    ]);
    const { stdout } = await cli.run(['context', 'ls', id]);
    expect(stdout).toMatch(/^NAME +RUNTIME +STATE +RUNNING +WAITING\nmain +python +idle +0\n/);
    expect((await cli.run(['context', 'restart', id])).stdout).toBe('main\n');
    expect((await cli.run(['context', 'restart', id, 'js'])).stdout).toBe('js\n');
    const removed = await cli.run(['context', 'rm', id, 'js', 'absent']);
    expect(removed).toMatchObject({ status: 125, stdout: 'js\n' });
    expect(removed.stderr).toContain('`kernelet context ls` lists them');
  });

  it('has a name even when none is given', async () => {
    const name = (await cli.run(['context', 'create', id])).stdout.trim();
    const listed = JSON.parse((await cli.run(['context', 'ls', id, '--json'])).stdout) as { name: string }[];
    expect(listed.map((context) => context.name)).toEqual(['main', name]);
  });

  it.each([
    [['context', 'create', '{id}', 'a b'], /not the name of a context/],
    [['context', 'create', '{id}', '..'], /the name of a context may not be "." or ".."/],
    [['context', 'create', '{id}', 'a', '--lang', 'cobol'], /not a language that is known here/],
    [['exec', '{id}', '--context', 'a', '--', 'ls'], /--context goes with FILE, -c CODE or -/],
    [['exec', '{id}', '--context', 'a', '--batch', '--exec', 'ls'], /--context goes with FILE, -c CODE or -/],
  ])('%j is refused', async (args, message) => {
    const { status, stderr } = await cli.run(args.map((word) => word.replace('{id}', id)));
    expect(status).toBeGreaterThan(0);
    expect(stderr).toMatch(message);
  });

  it.each([
    ['context', 'restart', '{id}', '..'],
    ['context', 'rm', '{id}', '..'],
    ['interrupt', '{id}', '--context', '..'],
    ['attach', '{id}', '..'],
    ['kill', '{id}', '.', '..'],
    ['service', 'stop', '{id}', '..'],
  ])('what leads to another address reaches none: %s %s %s %s', async (...args) => {
    const before = JSON.parse((await cli.run(['inspect', id, '--json'])).stdout);
    const { status, stderr } = await cli.run(args.map((word) => word.replace('{id}', id)));
    expect(status).toBe(2);
    expect(stderr).toContain('nothing in a kernel can be called ".."');
    const { generation, phase } = JSON.parse((await cli.run(['inspect', id, '--json'])).stdout);
    expect([generation, phase]).toEqual([before.generation, 'running']);
    expect(cli.agent.calls).toEqual([]);
  });

  it('is named by exec, complete and interrupt', async () => {
    await cli.run(['exec', id, '--context', 'second', '-c', 'x']);
    expect([...cli.agent.runs.values()].map((run) => run.request)).toEqual([
      { mode: 'query', code: 'x', context: 'second', timeoutMs: null },
    ]);
    const asked: unknown[] = [];
    cli.agent.complete = async (_id, _code, _cursor, _signal, context) => {
      asked.push(context);
      return [];
    };
    cli.agent.interrupt = async (_id, run, _signal, context) => {
      asked.push([run, context]);
      return { interrupted: false };
    };
    await cli.run(['complete', id, 'a', '--context', 'second']);
    const { stderr } = await cli.run(['interrupt', id, '--context', 'second']);
    await cli.run(['interrupt', id]);
    expect(asked).toEqual(['second', [null, 'second'], [null, 'main']]);
    expect(stderr).toBe('kernelet: nothing was running in the context second\n');
  });
});
