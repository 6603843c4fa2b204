/** The commands that show and steer kernels, over the real API and an agent on the dummy engine. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';
import { plantFigures } from '../../../test/support/figures.ts';
import type { KernelView } from '../../agent/agent.ts';
import { parseKernelId } from '../../lib/ids.ts';

let cli: CliUnderTest;
let id: string;
beforeEach(async () => {
  cli = await CliUnderTest.started();
  id = await cli.kernel();
});
afterEach(() => cli[Symbol.asyncDispose]());

const json = async <T>(...args: string[]): Promise<T> => {
  const { status, stdout } = await cli.run([...args, '--json']);
  expect([status, stdout.match(/\n/g)?.length]).toEqual([0, 1]);
  return JSON.parse(stdout) as T;
};
/** From now on the kernel is shown so. */
const change = (changes: Partial<KernelView>): void => {
  const changed = (view: KernelView): KernelView => (view.id === id ? { ...view, ...changes } : view);
  const [inspect, list] = [cli.agent.inspect.bind(cli.agent), cli.agent.list.bind(cli.agent)];
  cli.agent.inspect = async (asked) => changed(await inspect(asked));
  cli.agent.list = async (options) => (await list(options)).map(changed);
};

describe('restore', () => {
  const kept = {
    id: '4f1c2d3e-0000-4000-8000-000000000001',
    endedAt: Date.UTC(2026, 0, 2),
    until: Date.now() + 7_200_000,
    bytes: 2048,
    image: 'kernelet/python:latest',
    name: null,
    runtime: 'python',
    termination: { reason: 'out-of-memory', exitCode: 137, detail: 'it was killed', at: Date.UTC(2026, 0, 2) },
  };

  it('lists what is kept, and for how long', async () => {
    const parsed = { ...kept, id: parseKernelId(kept.id) };
    const unknown = { bytes: null, image: null, runtime: null, termination: null };
    cli.agent.keptFiles = async () => [parsed, { ...parsed, ...unknown }];
    const { stdout } = await cli.run(['restore']);
    expect(stdout).toMatch(/^ID +ENDED +REASON +SIZE +KEPT FOR +IMAGE\n/);
    expect(stdout).toMatch(
      /2026-01-02T00:00:00.000Z +out-of-memory +2(\.0+)? KiB +(1 h 59|2 h 0) min.* +kernelet\/python:latest/,
    );
    expect(await json('restore')).toMatchObject([{ bytes: 2048 }, { bytes: null }]);
  });

  it('brings a kernel back, or its files to a folder', async () => {
    await ranOutOfMemory();
    expect(await cli.run(['restore', id.slice(0, 8)])).toMatchObject({ status: 0, stdout: `${id}\n` });
    expect(cli.agent.kernels.has(id)).toBe(true);
    await ranOutOfMemory();
    const { stdout } = await cli.run(['restore', id, '--to', 'found']);
    expect(stdout).toBe(`${cli.folder}/found\n`);
    expect((await stat(join(cli.folder, 'found'))).isDirectory()).toBe(true);
    expect(await cli.run(['restore', id])).toMatchObject({
      stdout: '',
      stderr: expect.stringContaining(`no kernel ${id}`),
    });
    expect((await cli.run(['restore', '--to', 'found'])).status).toBe(2);
  });

  const ranOutOfMemory = async (): Promise<void> => {
    const container = cli.agent.engine.containers.find(
      ({ spec, running }) => running && spec.labels['ai.backend.kernel-id'] === id,
    );
    container?.exit(137, { outOfMemory: true });
    await expect.poll(() => cli.agent.kernels.has(id)).toBe(false);
  };
});

describe('engine accept', () => {
  it('is the operator’s word, and says how that engine is', async () => {
    const accept = vi.spyOn(cli.agent, 'acceptEngine');
    expect(await cli.run(['engine', 'accept'])).toMatchObject({ status: 0, stdout: 'memory\n' });
    expect(accept).toHaveBeenCalledOnce();
  });
});

describe('a missing kernel', () => {
  it('is shown as one', async () => {
    const since = Date.UTC(2026, 0, 2);
    change({ missingSince: since, stuck: { why: 'it is not listed', since, next: 'it ends soon' } });
    const listed = (await cli.run(['ps'])).stdout;
    expect(listed).toContain('running (missing)');
    expect(listed).toMatch(new RegExp(`^${id}: for .* it is not listed; it ends soon$`, 'm'));
    expect((await cli.run(['inspect', id])).stdout).toMatch(
      /missing since: +2026-01-02T00:00:00.000Z: it is not listed\n *next: +it ends soon/,
    );
  });
});

describe('an unrecorded kernel', () => {
  it('is shown as one, with what is known of it', async () => {
    const since = Date.UTC(2026, 0, 2);
    change({ unrecordedSince: since, stuck: { why: 'its record is lost', since, next: 'it runs on' } });
    const listed = (await cli.run(['ps'])).stdout;
    expect(listed).toContain('running (unrecorded)');
    expect(listed).toMatch(new RegExp(`^${id}: for .* its record is lost; it runs on$`, 'm'));
    const { stdout } = await cli.run(['inspect', id]);
    expect(stdout).toMatch(/unrecorded since: +2026-01-02T00:00:00.000Z: its record is lost\n *next: +it runs on/);
    expect(stdout).toMatch(/^ports:/m);
    expect(stdout).not.toMatch(/^(runtime|mounts|environment|steps):|processes/m);
    expect(await json<unknown>('inspect', id)).toMatchObject({ unrecordedSince: since });
  });
});

describe('a kernel that was started again', () => {
  const restarts = {
    ...{ count: 2, reason: 'node-reboot', detail: 'its container ended with this machine', tries: 2 },
    at: Date.UTC(2026, 0, 2),
  };

  it('is shown with how often that was, and why', async () => {
    change({ restarts });
    expect((await cli.run(['ps'])).stdout).toContain('running (restarted 2×, node-reboot)');
    const { stdout } = await cli.run(['inspect', id]);
    expect(stdout).toMatch(/restarts: +2, the last at 2026-01-02T00:00:00.000Z: node-reboot: its container ended with/);
  });

  it('is shown with why that is going on', async () => {
    change({ phase: 'restarting', restarts });
    expect((await cli.run(['ps'])).stdout).toContain('restarting (node-reboot)');
  });
});

describe('the name of a kernel', () => {
  const named = async (name: string) => await cli.run(['create', '--lang', 'python', '--name', name]);

  // @promise kernel-names
  it('stands for its id, and belongs to one kernel at a time', async () => {
    const web = (await named('web')).stdout.trim();
    expect((await cli.run(['exec', 'web', '-c', '1'])).status).toBe(0);
    expect(await json('inspect', 'web')).toMatchObject({ id: web, name: 'web' });
    expect((await named('web')).stderr).toContain(`there is a kernel called web already: ${web}`);
    expect((await cli.run(['rm', 'web'])).stdout).toBe(`${web}\n`);
    const next = (await named('web')).stdout.trim();
    expect(await json('inspect', 'web')).toMatchObject({ id: next });
    await cli.run(['rm', 'web']);
    expect(await json('inspect', 'web')).toMatchObject({ id: next, phase: 'terminated' });
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

describe('create', () => {
  it('prints the id, or with --json the kernel', async () => {
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(await json('create', '--image', 'debian', '--idle-timeout', '30m')).toMatchObject({
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

describe('ps', () => {
  it('lists kernels, only ids with -q, and an array with --json', async () => {
    change({ image: 'odd\u001B[2J' });
    const { stdout } = await cli.run(['ps']);
    expect(stdout.split('\n')).toHaveLength(3);
    const line = `${id.slice(0, 8)}  -     running .* 1 GiB  python   odd\\\\x1b\\[2J`;
    expect(stdout).toMatch(new RegExp(`^ID .*\\n${line}\\n$`));
    expect((await cli.run(['ps', '--no-trunc'])).stdout).toContain(`\n${id}  -`);
    expect((await cli.run(['ps', '-q'])).stdout).toBe(`${id}\n`);
    expect(await json('ps')).toMatchObject([{ id }]);
  });

  // @promise kernel-names
  it('fits into the width of a terminal, and shows all of it to a program', async () => {
    const name = 'n'.repeat(40);
    await cli.run(['create', '--image', `registry.example/${'team/'.repeat(8)}python:3.13`, '--name', name]);
    const io = cli.io();
    io.stdout.isTerminal = true;
    const lines = (await cli.run(['ps'], io)).stdout.trimEnd().split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBe(80);
    expect(lines.at(-1)).toMatch(/n… .*registry\.ex.*…$/);
    expect((await cli.run(['ps'])).stdout).toMatch(new RegExp(`${name} .*python:3\\.13`));
    const whole = cli.io();
    whole.stdout.isTerminal = true;
    expect((await cli.run(['ps', '--no-trunc'], whole)).stdout).toContain(name);
  });

  // @promise kernel-names
  it('filters by name, label and status', async () => {
    const made = ['create', '--lang', 'python', '--label', 'team=data', '--label', 'spare', '--name', 'web'];
    const web = (await cli.run(made)).stdout.trim();
    const listed = async (...filters: string[]) => {
      const { status, stdout, stderr } = await cli.run(['ps', '-q', ...filters.flatMap((text) => ['-f', text])]);
      return status === 0 ? stdout.trim().split('\n') : stderr;
    };
    expect(await listed('name=we')).toEqual([web]);
    expect(await listed('label=team=data', 'label=spare')).toEqual([web]);
    expect(await listed('label=team=data', 'label=spare=x')).toEqual(['']);
    expect(await listed('status=running')).toEqual([id, web]);
    await cli.run(['rm', id]);
    expect(await listed('status=terminated')).toEqual([id]);
    expect(await listed('status=terminated', 'status=running')).toEqual([web, id]);
    expect(await listed('colour=red')).toMatch(/--filter "colour=red" is not name=TEXT, label=KEY/);
    expect(await listed('status=paused')).toMatch(/"creating"\|"running"/);
  });

  it('says why a kernel has ended', async () => {
    change({ phase: 'terminated', termination: { reason: 'out-of-memory', exitCode: 137, detail: '', at: 1 } });
    expect((await cli.run(['ps', '-a'])).stdout).toContain('terminated (out-of-memory)');
  });
});

describe('inspect', () => {
  it('shows everything in sentences, or with --json the kernel', async () => {
    change({ createdAt: 1, readyAt: 2, user: { uid: 2_000_001, gid: 1000 } });
    const { stdout } = await cli.run(['inspect', id.slice(0, 8)]);
    expect(stdout).toMatch(/^user: +2000001:1000$/m);
    expect(stdout).toMatch(/^OCI runtime: +the engine's default$/m);
    expect(stdout).not.toContain('dropped reports');
    expect(stdout).toMatch(/^id: +[0-9a-f-]{36}$/m);
    expect(stdout).toMatch(/^limits: +1 CPU, 1 GiB, 512 processes$/m);
    expect(stdout).toMatch(/^ready: +1970-01-01T00:00:00\.002Z, after 1 ms$/m);
    expect(stdout).toMatch(/^ended: +no$/m);
    expect(await json('inspect', id)).toMatchObject({ id, phase: 'running' });
  });

  it('says which OCI runtime was named, and what of its runner was dropped', async () => {
    change({ ociRuntime: 'runsc', droppedReports: 3 });
    const { stdout } = await cli.run(['inspect', id]);
    expect(stdout).toMatch(/^OCI runtime: +runsc$/m);
    expect(stdout).toMatch(/^dropped reports: +3, which nobody asked its runner for$/m);
  });

  it('does not count the life before a restart as time to get ready', async () => {
    await cli.run(['restart', id]);
    change({ createdAt: 1, readyAt: 2 });
    expect((await cli.run(['inspect', id])).stdout).toMatch(/^ready: +1970-01-01T00:00:00\.002Z$/m);
  });
});

describe('rm', () => {
  it('of an empty list is a success, and an unknown id is none', async () => {
    expect(await cli.run(['rm'])).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(await json('rm')).toEqual({ removed: [], failed: [] });
    expect((await cli.run(['rm', 'nobody'])).status).toBe(125);
  });

  it('removes several by their beginnings, gently or by force', async () => {
    const other = await cli.kernel();
    const { stdout } = await cli.run(['rm', id.slice(0, 13), other]);
    expect(stdout.trim().split('\n').sort()).toEqual([id, other].sort());
    expect(cli.agent.calls.every((call) => call.endsWith('gentle'))).toBe(true);
    const third = await cli.kernel();
    expect((await cli.run(['rm', '-f', third])).status).toBe(0);
    expect(cli.agent.calls.at(-1)).toBe(`destroy ${third} force`);
  });
});

describe('complete', () => {
  it('prints a candidate a line, at the end of the code or at a place', async () => {
    expect((await cli.run(['complete', id, 'pr'])).stdout).toBe('pring\n');
    expect(await json('complete', id, 'print', '--cursor', '2')).toEqual({ matches: ['pring'] });
  });

  it.each(['-1', '6', '1.5', 'x', ''])('refuses the place %j', async (cursor) => {
    const { status, stderr } = await cli.run(['complete', id, 'print', `--cursor=${cursor}`]);
    expect([status, stderr]).toMatchObject([2, expect.stringContaining('is not a position from 0 to 5')]);
  });
});

describe('the rest', () => {
  it('interrupt says when nothing was running', async () => {
    const { status, stdout, stderr } = await cli.run(['interrupt', id]);
    expect([status, stdout, stderr]).toEqual([0, '', 'kernelet: nothing was running in the context main\n']);
    expect(await json('interrupt', id)).toEqual({ interrupted: false });
  });

  it('restart prints the id', async () => {
    expect((await cli.run(['restart', id.slice(0, 8)])).stdout).toBe(`${id}\n`);
    expect(await json('restart', id)).toMatchObject({ id, generation: 3 });
  });

  it('ls lists files with names that cannot move the cursor, and nothing for an empty folder', async () => {
    expect((await cli.run(['ls', id])).stdout).toBe('');
    cli.agent.files.set('a\nb', { bytes: Buffer.from('12'), mode: null });
    expect((await cli.run(['ls', id])).stdout).toBe(
      'MODE        SIZE  CHANGED              NAME\n-rw-r--r--     2  1970-01-01 00:00:01  a\\nb\n',
    );
    expect(await json('ls', id)).toMatchObject({ files: [{ filename: 'a\nb', size: 2 }] });
  });

  it('stats shows figures with their units', async () => {
    plantFigures(cli.agent);
    expect((await cli.run(['stats'])).stdout).toMatch(
      /\n[0-9a-f-]{36} +1\.00 s +0\.50 +2 B +3 B +4 B +5( +1 B){4} +- +0 +2 B \/ 4 B\n$/,
    );
    expect(await json('stats')).toMatchObject([{ id, processes: 5 }]);
  });

  it('stats shows beginnings of ids on a terminal, where lines are short', async () => {
    plantFigures(cli.agent);
    const io = cli.io();
    io.stdout.isTerminal = true;
    expect((await cli.run(['stats'], io)).stdout).toMatch(new RegExp(`\\n${id.slice(0, 8)} +1\\.00 s`));
  });

  it('stats shows the kernels that are named, alone', async () => {
    plantFigures(cli.agent);
    await cli.kernel();
    expect(await json('stats')).toHaveLength(2);
    expect(await json('stats', id)).toMatchObject([{ id }]);
    expect(await cli.run(['stats', id, 'ffff'])).toMatchObject({ stdout: '', stderr: expect.stringContaining('ffff') });
  });
});

describe('image', () => {
  it('ls, inspect, build and pull show what there is', async () => {
    const { stdout } = await cli.run(['image', 'ls']);
    expect(stdout).toMatch(
      /^IMAGE .*\ndebian:latest +shell +no +1 B\n(kernelet.*\n){2}kernelet\/python:latest +python +yes +1 B\n/,
    );
    const inspected = await cli.run(['image', 'inspect', 'kernelet/python']);
    expect(inspected.stdout).toMatch(/^label ai\.backend\.runtime-type: +python$/m);
    const build = cli.agent.buildImage.bind(cli.agent);
    cli.agent.buildImage = async (name, signal, onProgress) => {
      onProgress({ message: `building ${name}`, fraction: 0.5 });
      return await build(name, signal, () => {});
    };
    const built = await cli.run(['image', 'build', 'gcc']);
    expect(built).toEqual({ status: 0, stdout: 'kernelet/gcc:latest\n', stderr: 'building gcc 50 %\n' });
    expect((await cli.run(['image', 'build', 'gcc', '--if-missing'])).stderr).toBe('');
    expect(await cli.run(['image', 'pull', 'a/b'])).toMatchObject({ status: 0, stdout: 'a/b:latest\n' });
    expect(await json('image', 'inspect', 'a/b')).toMatchObject({ reference: 'a/b:latest' });
  });

  it('rm removes each for itself', async () => {
    await cli.run(['image', 'pull', 'a/b']);
    const { status, stdout, stderr } = await cli.run(['image', 'rm', '-f', 'absent', 'a/b']);
    expect([status, stdout]).toEqual([125, 'a/b\n']);
    expect(stderr).toMatch(/^kernelet: image absent:latest is not on this machine\n/);
    expect(cli.agent.calls).toContain('remove image a/b force');
  });

  it('works without a daemon, by an agent of its own that it ends', async () => {
    await cli.stopDaemon();
    expect((await cli.run(['image', 'ls'])).status).toBe(0);
    expect(cli.agent.calls).toEqual(['started in process', 'ended in process']);
  });
});

describe('service', () => {
  beforeEach(async () => {
    id = (await cli.run(['create', '--lang', 'python', '--publish', '8888'])).stdout.trim();
  });

  it('starts with what is allowed, and says why it does not', async () => {
    const flags = ['--argument=--logdir=/a=b', '--argument=--quiet', '-e', 'TOKEN=x'];
    expect(await json('service', 'start', id, 'jupyter', ...flags)).toEqual({ status: 'started' });
    const wish = { arguments: { '--logdir': '/a=b', '--quiet': null }, envs: { TOKEN: 'x' } };
    expect(cli.agent.calls).toContain(`start service jupyter ${JSON.stringify(wish)}`);
    expect(await cli.run(['service', 'start', id, 'nothing'])).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('nothing was not started: invalid service name; the kernel has jupyter\n'),
    });
    expect(await cli.run(['service', 'start', id, 'jupyter', '-e', 'TOKEN'])).toMatchObject({ status: 2 });
  });

  it('stops', async () => {
    expect(await json('service', 'stop', id, 'jupyter')).toEqual({ service: 'jupyter' });
    expect(cli.agent.calls).toContain('stop service jupyter');
    expect(await cli.run(['service', 'stop', id, 'nothing'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('the kernel has no service "nothing"; it has jupyter'),
    });
  });
});
