/** Folders, disks and engines that cannot be used: one sentence, nothing harmed, and what is sound goes on. */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseEvents } from '../../src/events/event-file.ts';
import { eventsOf, eventually, kernelsOf, statusOf, untilEmpty } from '../support/node-facts.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';
import { refused } from '../support/refusal.ts';
import { mountSmall } from '../support/small-mount.ts';

/** Asserts that `serve` and a `run` of its own are refused alike. */
async function expectRefused(
  node: NodeUnderTest,
  code: string,
  text: RegExp,
  options: { environment?: Record<string, string>; config?: string } = {},
): Promise<void> {
  const environment = options.environment ?? {};
  const config = options.config === undefined ? [] : ['--config', options.config];
  const begun = performance.now();
  expect(await refused(node, ['serve', ...config], { environment })).toMatchObject({
    code,
    status: code === 'ENGINE_UNSUPPORTED' ? 69 : 75,
    message: expect.stringMatching(text),
  });
  if (options.config === undefined) {
    const refusal = await refused(node, ['run', '--lang', 'shell', '-c', 'true'], { environment });
    expect(refusal).toMatchObject({ code, status: 125, message: expect.stringMatching(text) });
  }
  expect(performance.now() - begun).toBeLessThan(15_000);
}

describe('an engine address', () => {
  it.each(['tcp://127.0.0.1:2375', 'ssh://host', 'http://localhost', 'npipe:////./pipe/x', 'nonsense', 'unix://x'])(
    '%s is refused in one sentence that names it',
    async (address) => {
      await using node = await NodeUnderTest.make();
      await expectRefused(node, 'ENGINE_UNSUPPORTED', new RegExp(address.replace(/[/.]/g, '\\$&')), {
        environment: { DOCKER_HOST: address },
      });
    },
  );
});

describe('a state folder', () => {
  it('that is mounted noexec is refused, naming it and the mount', async () => {
    await using node = await NodeUnderTest.make();
    using small = await mountSmall(path.join(node.folder, 'noexec'), 'size=16m,noexec');
    const environment = { KERNELET_STATE_DIR: path.join(small.folder, 'state') };
    await expectRefused(node, 'STATE_UNUSABLE', new RegExp(`${small.folder}.*noexec`), { environment });
  });

  it('that cannot be made, is a file or is on a full disk is refused, naming it', async () => {
    await using node = await NodeUnderTest.make();
    await writeFile(path.join(node.folder, 'file'), '');
    for (const place of ['/proc/kernelet', path.join(node.folder, 'file'), path.join(node.folder, 'file', 'below')]) {
      await expectRefused(node, 'STATE_UNUSABLE', new RegExp(place), { environment: { KERNELET_STATE_DIR: place } });
    }
    using small = await mountSmall(path.join(node.folder, 'full'), 'size=64k');
    spawnSync('dd', ['if=/dev/zero', `of=${small.folder}/fill`, 'bs=4k']);
    const environment = { KERNELET_STATE_DIR: path.join(small.folder, 'state') };
    await expectRefused(node, 'STATE_UNUSABLE', new RegExp(small.folder), { environment });
  });

  it('in use by a daemon refuses a second one, which harms nothing', async () => {
    await using node = await NodeUnderTest.started();
    const id = await node.create('--lang', 'shell');
    const refusal = await refused(node, ['serve'], { environment: { KERNELET_SOCKET: path.join(node.folder, 's2') } });
    expect(refusal).toMatchObject({ code: 'STATE_LOCKED', status: 75 });
    expect(refusal.message).toMatch(new RegExp(`${node.stateDir}.*${node.pid}`));
    const taken = await refused(node, ['serve'], { environment: { KERNELET_STATE_DIR: path.join(node.folder, 'b') } });
    expect(taken).toMatchObject({ code: 'STATE_LOCKED', message: expect.stringContaining(node.socket) });
    expect((await node.run(['exec', id, '-c', 'echo here'])).text).toBe('here\n');
  });
});

describe('a scratch root', () => {
  it.each(['/proc/kernelet', '/dev/null'])('%s that cannot be written is refused, naming it', async (place) => {
    await using node = await NodeUnderTest.make();
    const config = path.join(node.folder, 'refused.toml');
    await writeFile(config, `[container]\nscratch-root = "${place}"\n`);
    await expectRefused(node, 'STATE_UNUSABLE', new RegExp(place), { config });
  });
});

describe('a full disk', () => {
  it('refuses new kernels, keeps and removes the others, and is forgotten when there is room again', async () => {
    await using node = await NodeUnderTest.make({ configuration: '[kernelet]\ndisk-reserve = "0"\n' });
    using small = await mountSmall(node.stateDir, 'size=24m');
    const fill = path.join(small.folder, 'fill');
    await node.startDaemon();
    try {
      const [kept, removed] = [await node.create('--lang', 'python'), await node.create('--lang', 'shell')];
      expect((await node.run(['exec', kept, '-c', 'state = "kept"'])).status).toBe(0);
      const ballast = path.join(small.folder, 'ballast');
      const ballastBytes = () =>
        stat(ballast).then(
          ({ size }) => size,
          () => 0,
        );
      await eventually('the ballast', async () => ((await ballastBytes()) > 200_000 ? true : null));
      spawnSync('dd', ['if=/dev/zero', `of=${fill}`, 'bs=4k']);
      expect((await statfs(small.folder)).bfree).toBe(0);

      for (const command of [
        ['create', '--lang', 'shell'],
        ['run', '--lang', 'shell', '-c', 'true'],
      ]) {
        const refusal = await refused(node, command);
        expect(refusal).toMatchObject({ code: 'STATE_UNUSABLE', status: 125 });
        expect(refusal.message).toMatch(/ENOSPC|no space|full/i);
      }
      expect((await node.run(['exec', kept, '-c', 'state'])).text).toBe("'kept'\n");
      expect(await ballastBytes()).toBeGreaterThan(0);
      expect((await node.run(['rm', removed])).status).toBe(0);
      const written = parseEvents(await readFile(path.join(small.folder, 'events', 'events.jsonl'), 'utf8'));
      expect(written.at(-1)?.event).toMatchObject({ type: 'kernel-terminated', kernelId: removed });
      expect(await ballastBytes()).toBe(0);
      expect((await kernelsOf(node)).map(({ id }) => id)).toEqual([kept]);
      expect((await statusOf(node)).slots.cpus.used).toBe(1);

      await rm(fill);
      await eventually('a new ballast', async () => ((await ballastBytes()) > 200_000 ? true : null));
      const next = await node.create('--lang', 'shell');
      expect((await node.run(['exec', next, '-c', 'echo room'])).text).toBe('room\n');
      await node.endDaemon('SIGKILL');
      await node.startDaemon();
      expect((await node.run(['exec', kept, '-c', 'state'])).text).toBe("'kept'\n");
      expect((await node.run(['rm', kept, next])).status).toBe(0);
      await untilEmpty(node);
    } finally {
      await node.endDaemon('SIGTERM');
    }
  });
});

describe('a disk that is nearly full', () => {
  // @promise degraded-told
  it('gets no new kernel, in words, while less is free than the node keeps for itself', async () => {
    await using node = await NodeUnderTest.started({ configuration: '[kernelet]\ndisk-reserve = "4096t"\n' });
    const refusal = await refused(node, ['run', '--lang', 'shell', '-c', 'true']);
    expect(refusal).toMatchObject({ code: 'INSUFFICIENT_RESOURCES', status: 125 });
    expect(refusal.message).toMatch(/the disk is nearly full: .* are free below .*\/state.*kernelet\.disk-reserve/);
    expect((await statusOf(node)).disk).toBe('full');
  });
});

describe('records that cannot be read', () => {
  // @promise damaged-records
  it('are put aside one by one, and every other kernel is restored', async () => {
    await using node = await NodeUnderTest.started();
    const id = await node.create('--lang', 'python');
    await node.run(['exec', id, '-c', 'state = "kept"']);
    const good = await readFile(path.join(node.stateDir, 'kernels', id, 'record.json'), 'utf8');
    await node.endDaemon('SIGKILL');
    const other = (): string => good.replaceAll(id, randomUUID());
    const damaged: Record<string, string | Buffer> = {
      'cut off': good.slice(0, good.length / 2),
      empty: '',
      binary: Buffer.from([0, 255, 254, 10, 13]),
      'another kernel’s': good,
      'of a later version': good.replace(/"version":\s*1/, '"version": 999'),
      'without a specification': '{"version":1}',
      'with a path for an id': other().replace(/"id":\s*"[^"]+"/, '"id":"../../etc"'),
      'nested deeply': `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
    };
    for (const content of Object.values(damaged)) {
      const folder = path.join(node.stateDir, 'kernels', randomUUID());
      await mkdir(folder);
      await writeFile(path.join(folder, 'record.json'), content);
    }
    await mkdir(path.join(node.stateDir, 'kernels', randomUUID(), 'record.json'), { recursive: true });
    await writeFile(path.join(node.stateDir, 'kernels', 'stray'), 'not a folder');
    await node.startDaemon();
    expect((await kernelsOf(node)).map((kernel) => kernel.id)).toEqual([id]);
    expect((await node.run(['exec', id, '-c', 'state'])).text).toBe("'kept'\n");
    const aside = await readdir(path.join(node.stateDir, 'quarantine'));
    expect(aside).toHaveLength(Object.keys(damaged).length + 2);
    expect((await statusOf(node)).invariantViolations['quarantined-record']).toBe(aside.length);
    expect(node.daemonErrors).toMatch(/put aside/);
    expect((await eventsOf(node)).filter(({ event }) => event.type === 'kernel-terminated')).toEqual([]);
  });

  // @promise damaged-records
  it('of a kernel that runs is made good from its scratch folder', async () => {
    await using node = await NodeUnderTest.started();
    const id = await node.create('--lang', 'python', '--publish', '8000');
    await node.run(['exec', id, '-c', 'state = "kept"']);
    const ports = JSON.stringify((await kernelsOf(node))[0]?.ports);
    await node.endDaemon('SIGKILL');
    await writeFile(path.join(node.stateDir, 'kernels', id, 'record.json'), '{"version":');
    await node.startDaemon();
    const [kernel] = await kernelsOf(node);
    expect([kernel?.id, JSON.stringify(kernel?.ports)]).toEqual([id, ports]);
    expect((await node.run(['exec', id, '-c', 'state'])).text).toBe("'kept'\n");
    expect((await statusOf(node)).invariantViolations).toMatchObject({ 'quarantined-record': 1, 'restored-record': 1 });
  });

  // @promise damaged-records
  it('nor their copies leave a kernel that is used on, is said to be unrecorded, and goes with its container by its id', async () => {
    await using node = await NodeUnderTest.started();
    const id = await node.create('--lang', 'python', '--publish', '8000');
    await node.run(['exec', id, '-c', 'state = "kept"; open("precious", "w").write("x")']);
    const ports = JSON.stringify((await kernelsOf(node))[0]?.ports);
    await node.endDaemon('SIGKILL');
    await writeFile(path.join(node.stateDir, 'kernels', id, 'record.json'), '{"version":');
    await writeFile(path.join(node.stateDir, 'scratch', id, 'private', 'record.json'), '');
    await node.startDaemon();
    const [kernel] = await kernelsOf(node);
    expect([kernel?.id, kernel?.phase, JSON.stringify(kernel?.ports)]).toEqual([id, 'running', ports]);
    expect((await node.run(['ps'])).text).toMatch(
      /running \(unrecorded\)[\s\S]*neither its record nor the copy of it could be read/,
    );
    expect((await node.run(['exec', id, '-c', 'state'])).text).toBe("'kept'\n");
    expect(await refused(node, ['restart', id])).toMatchObject({ code: 'NOT_SUPPORTED' });
    expect((await statusOf(node)).slots.cpus.used).toBe(1);
    expect((await statusOf(node)).invariantViolations).toMatchObject({ 'unrecorded-kernel': 1 });
    expect((await node.run(['rm', id])).status).toBe(0);
    expect((await statusOf(node)).slots.cpus.used).toBe(0);
    const found = path.join(node.folder, 'found');
    expect((await node.run(['restore', id, '--to', found])).status).toBe(0);
    expect(await readFile(path.join(found, 'precious'), 'utf8')).toBe('x');
    await untilEmpty(node);
  });
});

describe('an API socket', () => {
  it('that another program holds, or a file that lies there, is left alone', async () => {
    await using node = await NodeUnderTest.make();
    const place = path.join(node.folder, 'precious');
    await writeFile(place, 'content');
    await chmod(place, 0o600);
    const refusal = await refused(node, ['serve'], { environment: { KERNELET_SOCKET: place } });
    expect(refusal).toMatchObject({ code: 'STATE_UNUSABLE', message: expect.stringContaining(place) });
    expect(await readFile(place, 'utf8')).toBe('content');
  });

  it('whose path is longer than the system takes works all the same', async () => {
    await using node = await NodeUnderTest.make();
    const folder = path.join(node.folder, 'l'.repeat(120));
    await mkdir(folder);
    const environment = { KERNELET_SOCKET: path.join(folder, 's') };
    const { child, outcome } = node.start(['serve', '--log-level', 'error'], { environment });
    try {
      const answered = await eventually('the daemon answers', async () => {
        const told = await node.run(['ps', '--json'], { environment });
        return told.status === 0 ? told.text : null;
      });
      expect(answered).toBe('[]\n');
    } finally {
      child.kill('SIGTERM');
      await outcome;
    }
  });
});
