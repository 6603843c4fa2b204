import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';

let cli: CliUnderTest;
let id: string;
beforeEach(async () => {
  cli = await CliUnderTest.started();
  id = await cli.kernel();
});
afterEach(() => cli[Symbol.asyncDispose]());

describe('create', () => {
  it('prints the id, or with --json the kernel', async () => {
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(
      await cli.document('create', '--image', 'debian', '--idle-timeout', '30m', '--on-idle', 'pause', '--ttl', '1h'),
    ).toMatchObject({ onIdle: 'pause', idleTimeoutMs: 1_800_000, expiresAt: expect.any(Number) });
    expect(cli.agent.creations.pop()).toMatchObject({ onIdle: 'pause', ttlMs: 3_600_000 });
    expect(await cli.document('create', '--image', 'debian', '--idle-timeout', '30m')).toMatchObject({
      image: 'debian:latest',
    });
    expect(cli.agent.creations.at(-1)).toMatchObject({
      image: 'debian',
      idleTimeoutMs: 1_800_000,
      interpreter: 'eager',
    });
  });

  it('needs to know what kind of kernel', async () => {
    const { status, stderr } = await cli.run(['create']);
    expect([status, stderr]).toEqual([
      2,
      'kernelet: what kind of kernel: give --lang or --image\n`kernelet create --help` shows how.\n',
    ]);
  });

  it('shows progress and is undone by Ctrl-C', async () => {
    const io = cli.io();
    cli.agent.whileCreating = (signal, onProgress) =>
      new Promise((_, reject) => {
        onProgress({ message: 'building' });
        signal.addEventListener('abort', () => reject(signal.reason));
        setTimeout(() => io.send('SIGINT'), 50);
      });
    expect(await cli.run(['create', '--lang', 'python'], io)).toEqual({
      status: 'SIGINT',
      stdout: '',
      stderr: 'building\n',
    });
    expect(cli.agent.kernels.size).toBe(1);
  });

  it.each([
    [['cuda.device'], 'is not SLOT=AMOUNT'],
    [['cuda.device=-1'], 'is not SLOT=AMOUNT'],
    [['cuda.device=NaN'], 'is not SLOT=AMOUNT'],
    [['mem=5'], 'is not SLOT=AMOUNT'],
    [['cuda.device=1', 'cuda.device=2'], 'cuda.device is given twice'],
  ])('refuses accelerators that are no amount of a slot: %j', async (amounts, problem) => {
    const asked = amounts.flatMap((amount) => ['--accelerator', amount]);
    const { status, stderr } = await cli.run(['create', '--lang', 'python', ...asked]);
    expect([status, stderr]).toEqual([2, expect.stringContaining(problem)]);
  });

  it('hides its arguments where they hold the value of a variable, and only there', async () => {
    const [given, named] = [cli.io(), cli.io()];
    named.environ['TOKEN'] = 'of mine';
    await cli.run(['create', '--lang', 'python', '--env', 'TOKEN=of mine'], given);
    await cli.run(['create', '--lang', 'python', '--env', 'TOKEN'], named);
    expect([given.hidesArguments, named.hidesArguments]).toEqual([true, false]);
  });

  it('names a variable of the environment that has no right name', async () => {
    const { status, stderr } = await cli.run(['create', '--lang', 'python', '--env', 'A B=secret']);
    expect(status).toBe(2);
    expect(stderr).toContain('--env A B: not the name of a variable\n');
    expect(stderr).not.toContain('secret');
  });
});

describe('the name of a kernel', () => {
  const named = async (name: string) => await cli.run(['create', '--lang', 'python', '--name', name]);

  // @promise kernel-names
  it('stands for its id, and belongs to one kernel at a time', async () => {
    const web = (await named('web')).stdout.trim();
    expect((await cli.run(['exec', 'web', '-c', '1'])).status).toBe(0);
    expect(await cli.document('inspect', 'web')).toMatchObject({ id: web, name: 'web' });
    expect((await named('web')).stderr).toContain(`there is a kernel called web already: ${web}`);
    expect((await cli.run(['rm', 'web'])).stdout).toBe(`${web}\n`);
    const next = (await named('web')).stdout.trim();
    expect(await cli.document('inspect', 'web')).toMatchObject({ id: next });
    await cli.run(['rm', 'web']);
    expect(await cli.document('inspect', 'web')).toMatchObject({ id: next, phase: 'terminated' });
  });

  it('is of a form that no other thing has', async () => {
    for (const name of ['-x', 'a b', 'x'.repeat(65), 'a/b'])
      expect((await named(name)).stderr).toContain('not a name: 1 to 64 letters');
    expect((await named(id)).stderr).toContain('a name may not be a whole id');
  });

  it('and labels are shown', async () => {
    await cli.run([
      'create',
      '--lang',
      'python',
      '--name',
      'web',
      '--label',
      'team=data',
      '--label',
      'note=a\u001B[2J',
    ]);
    const { stdout } = await cli.run(['inspect', 'web']);
    expect(stdout).toMatch(/^name: +web\nlabels: +team=data, note=a\\x1b\[2J$/m);
    expect((await cli.run(['create', '--lang', 'python', '--label', '=x'])).status).toBe(2);
    expect((await cli.run(['create', '--lang', 'python', '--label', 'a b=x'])).stderr).toContain(
      'not the key of a label',
    );
  });
});
