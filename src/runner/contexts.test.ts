import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../lib/clock.ts';
import type { RunId } from '../lib/ids.ts';
import { ContainerLog } from './container-log.ts';
import { Contexts } from './contexts.ts';
import { PipePool } from './pipe-pool.ts';
import type { Run } from './run.ts';
import { runtimeContext } from './runtime.ts';
import { shell } from './runtimes/shell.ts';
import { Tenant } from './tenant.ts';

/** Says that it is ready and in which folder, and lives as long as somebody speaks to it. */
const driver = 'pwd >>"$FOLDERS"; echo \'{"ev":"ready"}\' >&3; exec cat <&3 >/dev/null';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-contexts-'));
});
afterEach(() => rm(folder, { recursive: true }));

function setUp() {
  const log = new ContainerLog(() => true, { debug: false, clock: systemClock });
  const ids = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const tenant = new Tenant({ ...ids, home: folder, pipes: new PipePool('sh'), log });
  tenant.environ = { PATH: process.env['PATH'] ?? '', FOLDERS: join(folder, 'folders') };
  const told: string[] = [];
  const runtime = {
    ...shell,
    query: { by: 'driver', start: () => ({ argv: ['sh', '-c', driver] }) },
  } as const;
  const contexts = new Contexts({
    tenant,
    clock: systemClock,
    main: { runtime, context: runtimeContext(runtime, { namedTool: null, home: folder, environ: tenant.environ }) },
    mainChanged: (state) => void told.push(`main ${state}`),
    runs: {
      cancelIn: (name) => void told.push(`cancel in ${name}`),
      runningIn: (name) => (name === 'main' ? ({ id: 'r' as RunId } as Run) : null),
      waitingIn: () => 2,
    },
  });
  const states = () => contexts.list().map(({ name, state }) => `${name} ${state}`);
  return { contexts, told, states };
}

describe('contexts', () => {
  // @promise contexts
  it('have interpreters of their own, which start in their folder, and end and start anew alone', async () => {
    const { contexts, told, states } = setUp();
    const home = process.cwd();
    expect(await contexts.create({ name: 'second', runtime: null, cwd: '/' })).toEqual({ existing: false });
    await expect.poll(states).toEqual(['main idle', 'second ready']);
    expect(await readFile(join(folder, 'folders'), 'utf8')).toBe('/\n');
    // The runner itself is back where its programs start.
    expect(process.cwd()).toBe(folder);
    process.chdir(home);
    await contexts.restart('second');
    await expect.poll(states).toEqual(['main idle', 'second ready']);
    await contexts.remove('second');
    expect(told).toEqual(['main idle', 'cancel in second', 'cancel in second']);
    expect(() => contexts.get('second')).toThrow(expect.objectContaining({ code: 'CONTEXT_NOT_FOUND' }));
    await expect(contexts.restart('second')).rejects.toMatchObject({ code: 'CONTEXT_NOT_FOUND' });
  });

  it('are made once by name, and at most sixteen', async () => {
    const { contexts } = setUp();
    const spec = (name: string) => ({ name, runtime: null, cwd: null });
    for (let count = 1; count < 16; count += 1) await contexts.create(spec(`c${count}`));
    expect(await contexts.create(spec('c1'))).toEqual({ existing: true });
    const refused = (code: string) => expect.objectContaining({ code });
    await expect(contexts.create({ ...spec('c1'), cwd: '/' })).rejects.toEqual(refused('CONTEXT_EXISTS'));
    await expect(contexts.create(spec('main'))).rejects.toEqual(refused('CONTEXT_EXISTS'));
    await expect(contexts.create(spec('more'))).rejects.toEqual(refused('OVERLOADED'));
    await Promise.all(
      contexts
        .list()
        .slice(1)
        .map(({ name }) => contexts.remove(name)),
    );
    expect(contexts.list()).toEqual([
      { name: 'main', runtime: 'shell', cwd: null, state: 'idle', detail: '', waiting: 2, running: 'r' },
    ]);
  });

  it('need what their language needs', async () => {
    const { contexts } = setUp();
    const create = (runtime: string) => contexts.create({ name: 'a', runtime, cwd: null });
    await expect(create('haskell')).rejects.toEqual(expect.objectContaining({ code: 'NOT_SUPPORTED' }));
    await expect(create('nothing')).rejects.toEqual(expect.objectContaining({ code: 'NOT_SUPPORTED' }));
  });

  it('leave the main one, which is restarted with its kernel alone or when it is asked for', async () => {
    const { contexts, states, told } = setUp();
    await expect(contexts.remove('main')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await contexts.main.interpreter?.start();
    await contexts.restart('main');
    await expect.poll(states).toEqual(['main ready']);
    expect(told.filter((text) => text === 'main ready')).toHaveLength(2);
    await contexts.main.interpreter?.end();
    expect(states()).toEqual(['main idle']);
  });
});
