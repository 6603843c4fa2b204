/** Homes with a limit: what a tenant can fill, what is left of one, and what a killed daemon leaves. */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { letMountsGo } from '../../src/lib/mount-table.ts';
import { makeHomeDisk, mountHomeDisk } from '../../src/storage/home-disk.ts';
import { byDepth } from '../support/depth.ts';
import { engineCall } from '../support/engine-api.ts';
import { inventory } from '../support/inventory.ts';
import { callApi } from '../support/local-api.ts';
import { eventsOf, eventually, kernelsOf, untilEmpty } from '../support/node-facts.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';
import { seededRandom } from '../support/random.ts';

const mib = 2 ** 20;
const limit = 32;

let node: NodeUnderTest;
beforeAll(async () => {
  node = await NodeUnderTest.started({ configuration: '[kernelet]\nmissing-grace = "1s"\n' });
});
afterEach(async () => {
  await node.run(['rm', '-f', ...(await kernelsOf(node)).map(({ id }) => id)]);
});
// It asserts that nothing is left, of mounts and loop devices neither.
afterAll(() => node?.[Symbol.asyncDispose]());

const create = (...args: readonly string[]) => node.create('--lang', 'shell', '--disk', `${limit}m`, ...args);
const shell = async (id: string, code: string): Promise<string> => {
  const { status, text, stderr } = await node.run(['exec', id, '-c', code]);
  if (status !== 0) throw new Error(`exec ended with status ${status}: ${stderr}`);
  return text.trim();
};
const fill = 'dd if=/dev/zero of=filler bs=64k';

const imageOf = (id: string) => path.join(node.stateDir, 'scratch', id, 'private', 'home.img');

/** The mounts and loop devices of this node. */
const limitsLeft = async () =>
  [...(await inventory(node.stateDir))].filter(
    (line) => /^(mount|loop device)/.test(line) && !line.includes('/.homes/'),
  );

const endContainer = async (id: string): Promise<void> => {
  const kernel = (await kernelsOf(node)).find((one) => one.id === id);
  await engineCall('POST', `/containers/${kernel?.containerId}/kill`);
  await eventually('the kernel has ended', async () => ((await kernelsOf(node)).length === 0 ? true : null));
};

describe('a home with a limit', () => {
  // @promise limits-told
  it('ends a program that fills it with ENOSPC, and says so in one line', async () => {
    const full = await node.run(['run', '--lang', 'shell', '--disk', `${limit}m`, '-c', fill]);
    expect(full.status).toBe(1);
    expect(full.stderr).toMatch(/No space left on device/);
    expect(full.stderr).toContain(`disk full: limit ${limit} MiB`);
    const fine = await node.run(['run', '--lang', 'shell', '--disk', `${limit}m`, '-c', 'false']);
    expect(fine).toMatchObject({ status: 1, stderr: '' });
  });

  // @promise disk-limits
  it('takes what was asked for, and no more; what is deleted can be written again', async () => {
    const id = await create();
    const taken = async () => Number(await shell(id, `${fill} 2>/dev/null; stat -c %s filler; rm filler`)) / mib;
    for (let round = 0; round < 2; round += 1) {
      const filled = await taken();
      expect(filled).toBeGreaterThan(limit * 0.98);
      expect(filled).toBeLessThan(limit * 1.03);
    }
    // What was deleted takes nothing of the host's disk either.
    await shell(id, 'sync');
    await eventually('the image is small again', async () => {
      const { blocks } = await stat(imageOf(id));
      return blocks * 512 < (limit / 4) * mib ? true : null;
    });
  });

  it('takes a file for each 16 KiB', async () => {
    const id = await create();
    const made = Number(await shell(id, 'i=0; while : >f$i; do i=$((i+1)); done 2>/dev/null; ls | wc -l'));
    expect(made).toBeGreaterThan((limit * mib) / (16 * 1024) / 2);
    expect(made).toBeLessThan(((limit * mib) / (16 * 1024)) * 1.2);
    const { stderr } = await node.run(['exec', id, '-c', 'touch another || exit 3']);
    expect(stderr).toContain(`disk full: limit ${limit} MiB`);
  });

  it('counts as over-use, once, while it is full', async () => {
    const id = await create();
    await node.run(['exec', id, '-c', fill]);
    const told = await eventually('the over-use is an event', async () => {
      const found = (await eventsOf(node)).flatMap(({ event }) =>
        event.type === 'overuse' && event.kernelId === id ? [event] : [],
      );
      return found.length > 0 ? found : null;
    });
    expect(told).toMatchObject([{ kind: 'disk', detail: `disk full: limit ${limit} MiB` }]);
    const { text } = await node.run(['inspect', id]);
    expect(text).toMatch(/^home limit: +32 MiB$/m);
    expect(text).toMatch(/^over-use: +disk, 1 in all, last at [^ ]+: disk full: limit 32 MiB$/m);
  });

  it('belongs to the tenant alone: no set-id program or device counts in it, and nothing lies in it', async () => {
    const id = await create();
    const uid = (await kernelsOf(node)).find((kernel) => kernel.id === id)?.user.uid;
    expect(await shell(id, 'ls -A | grep -v ^\\\\. | wc -l; stat -c %u:%a .')).toBe(`0\n${uid}:755`);
    const mounted = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').find((line) => line.includes(id));
    expect(mounted).toMatch(/ rw,nosuid,nodev/);
    const image = await stat(imageOf(id));
    expect([image.uid, image.mode & 0o777]).toEqual([uid, 0o600]);
  });

  it('is gone with its kernel, and the next one is ready', async () => {
    const id = await create();
    expect(await limitsLeft()).toHaveLength(2);
    await node.run(['rm', id]);
    await eventually('nothing is left', async () => ((await limitsLeft()).length === 0 ? true : null));
    const homes = path.join(node.stateDir, 'scratch', '.homes');
    const ready = await eventually('two homes are ready', async () => {
      const found = await readdir(homes);
      return found.length === 2 ? found : null;
    });
    const [first = ''] = ready;
    const { ino } = await stat(path.join(homes, first, 'private', 'home.img'));
    const next = [await create(), await create()];
    const images = await Promise.all(next.map(async (one) => (await stat(imageOf(one))).ino));
    expect(images).toContain(ino);
  });

  // @promise disk-limits
  it('is as it was after a restart of the kernel, and after a kill of the daemon', async () => {
    const id = await create();
    await shell(id, 'echo kept > precious');
    await node.run(['restart', id]);
    expect(await shell(id, 'cat precious')).toBe('kept');
    await node.endDaemon('SIGKILL');
    await node.startDaemon();
    expect(await shell(id, 'cat precious')).toBe('kept');
    const { stderr } = await node.run(['exec', id, '-c', fill]);
    expect(stderr).toContain('disk full');
  });

  it('comes back with its limit when nobody has asked for its end, or goes to a folder', async () => {
    const id = await create();
    await shell(id, 'echo kept > precious');
    await endContainer(id);
    await eventually('nothing is mounted', async () => ((await limitsLeft()).length === 0 ? true : null));
    expect((await node.run(['restore', id])).text).toBe(`${id}\n`);
    expect(await shell(id, `cat precious; ${fill} 2>&1 | grep -c 'No space'`)).toBe('kept\n1');
    await endContainer(id);
    expect(await node.run(['restore', id, '--to', 'found'], { directory: node.folder })).toMatchObject({ status: 0 });
    expect(await readFile(path.join(node.folder, 'found', 'precious'), 'utf8')).toBe('kept\n');
    await eventually('nothing is left', async () => ((await limitsLeft()).length === 0 ? true : null));
  });

  it.each(['1m', '16t'])('is refused where no file system has that size: %s', async (size) => {
    const { status, stderr } = await node.run(['create', '--lang', 'shell', '--disk', size]);
    expect(status).not.toBe(0);
    expect(stderr).toContain('the limit of the home must be from 16777216 bytes (16m) to 16492674416640 (15t)');
  });
});

describe('a home in memory', () => {
  // @promise disk-limits
  it('holds what was asked for, outlives the daemon and restarts, and is gone with its kernel', async () => {
    await using memory = await NodeUnderTest.started({
      configuration: `[container]\nscratch-type = "memory"\nscratch-size = "${limit}m"\n`,
    });
    const said = async (id: string, code: string) => await memory.run(['exec', id, '-c', code]);
    const id = await memory.create('--lang', 'shell', '--mem', '256m');
    expect((await said(id, 'echo kept > kept; stat -f -c %T .')).text).toBe('tmpfs\n');
    const full = await said(id, `${fill}; status=$?; stat -c %s filler; rm filler; exit $status`);
    expect(full.stderr).toContain('No space left on device');
    expect(Number(full.text)).toBeLessThanOrEqual(limit * mib);
    expect(Number(full.text)).toBeGreaterThan((limit - 1) * mib);
    expect((await said(id, `${fill}`)).stderr).toContain(`disk full: limit ${limit} MiB`);
    await memory.run(['restart', id]);
    await memory.endDaemon('SIGKILL');
    await memory.startDaemon();
    expect((await said(id, 'rm filler; cat kept; stat -f -c %T .')).text).toBe('kept\ntmpfs\n');
    const kernel = (await kernelsOf(memory)).find((one) => one.id === id);
    await engineCall('POST', `/containers/${kernel?.containerId}/kill`);
    await untilEmpty(memory);
    expect(await readdir(path.join(memory.stateDir, 'scratch', '.kept')).catch(() => [])).toEqual([]);
  });
});

describe('the image of a home that is to be mounted again', () => {
  let folder: string;
  let image: string;
  const run = (program: string, ...args: readonly string[]): string =>
    execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  /** When it was looked through last, which a new one says it was long ago. */
  const repairedAt = (): string => /^Last checked: +(.*)$/m.exec(run('dumpe2fs', '-h', image))?.[1] ?? '';

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'kernelet-home-'));
    image = path.join(folder, 'private', 'home.img');
    await makeHomeDisk(folder, limit * mib);
    run('tune2fs', '-T', '20000101', image);
    // As a machine leaves it that has lost its power.
    run('debugfs', '-w', '-R', 'set_super_value state 0', image);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await letMountsGo(folder);
    await rm(folder, { recursive: true, force: true });
  });

  /** A repair that takes its time, with the program of the system; what it did meanwhile is in the file. */
  const slowRepair = async (): Promise<string> => {
    const [programs, log] = [path.join(folder, 'programs'), path.join(folder, 'repairs')];
    await mkdir(programs);
    const script = `#!/bin/sh\necho begun >>${log}\nsleep 1\n/usr/sbin/e2fsck "$@" && status=0 || status=$?\necho ended >>${log}\nexit $status\n`;
    await writeFile(path.join(programs, 'e2fsck'), script, { mode: 0o755 });
    await writeFile(log, '');
    vi.stubEnv('PATH', `${programs}:${process.env['PATH']}`);
    return log;
  };

  it('is repaired', async () => {
    expect(repairedAt()).toMatch(/ 2000$/);
    expect(await mountHomeDisk(folder, true)).toBe(true);
    expect(repairedAt()).not.toMatch(/ 2000$/);
  });

  it('is not repaired while something has it, which is mounted no more here', async () => {
    const device = run('losetup', '--find', '--show', image);
    try {
      expect(await mountHomeDisk(folder, true)).toBe(true);
      expect(repairedAt()).toMatch(/ 2000$/);
    } finally {
      run('losetup', '--detach', device);
    }
  });

  it('is repaired to the end, also when nobody waits for it any more', async () => {
    const log = await slowRepair();
    const abort = new AbortController();
    const mounting = mountHomeDisk(folder, true, abort.signal);
    const outcome = mounting.catch((error: unknown) => error);
    await eventually('the repair has begun', async () => (await readFile(log, 'utf8')) || null);
    abort.abort(new Error('the client has hung up'));
    expect(await outcome).toEqual(new Error('the client has hung up'));
    expect(await readFile(log, 'utf8')).toBe('begun\nended\n');
    expect(repairedAt()).not.toMatch(/ 2000$/);
  });

  it('is repaired once for those who want it at the same time', async () => {
    const log = await slowRepair();
    expect(await Promise.all([mountHomeDisk(folder, true), mountHomeDisk(folder, true)])).toEqual([true, true]);
    expect(await readFile(log, 'utf8')).toBe('begun\nended\n');
    expect(run('losetup', '--associated', image).split('\n')).toHaveLength(1);
  });
});

const kills = byDepth({ quick: 2, full: 4, nightly: 40 });
it('is whole or gone after a kill of the daemon at any instant of its making or its end', {
  timeout: 200_000 + kills * 15_000,
}, async () => {
  const random = seededRandom('limited-homes');
  for (let round = 0; round < kills; round += 1) {
    const id = randomUUID();
    // Of another size each time, so that none is ready.
    const body = { id, language: 'shell', homeBytes: (limit + round) * mib };
    const created = callApi(node.socket, 'POST', '/v1/kernels', { body }).catch(() => null);
    if (round % 2 === 0) await sleep(random.between(0, 400));
    else {
      await created;
      callApi(node.socket, 'DELETE', `/v1/kernels/${id}`).catch(() => null);
      await sleep(random.between(0, 250));
    }
    await node.endDaemon('SIGKILL');
    await created;
    await node.startDaemon();
    for (const kernel of await kernelsOf(node)) {
      const { stderr } = await node.run(['exec', kernel.id, '-c', fill]);
      expect(stderr).toContain('No space left');
      await node.run(['rm', '-f', kernel.id]);
    }
    await untilEmpty(node);
    await eventually('nothing is left', async () => ((await limitsLeft()).length === 0 ? true : null));
  }
});
