/** An engine that gives containers users of a range of their own (`userns-remap`): root of a kernel is nobody on this host. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DockerEngine } from '../../src/engine/docker/docker-engine.ts';
import { labelNames } from '../../src/kernel/container/ownership.ts';
import { within } from '../support/engine.ts';
import { ExtraEngine, emptyImage, ensurePrograms } from '../support/extra-engine.ts';
import { eventually, kernelsOf } from '../support/node-facts.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';

const shell = ['--image', emptyImage, '--lang', 'shell'];
/** The user by whose name Docker finds the range; it makes one. */
const mapped = 'dockremap';

let hadUser: boolean;
let first: number;
let engine: ExtraEngine;
let node: NodeUnderTest;
beforeAll(async () => {
  await ensurePrograms(['newuidmap', 'uidmap']);
  const userLine = new RegExp(`^${mapped}:`, 'm');
  hadUser = userLine.test(await readFile('/etc/passwd', 'utf8'));
  engine = await ExtraEngine.start(['--userns-remap=default']);
  first = Number(new RegExp(`^${mapped}:(\\d+):`, 'm').exec(await readFile('/etc/subuid', 'utf8'))?.[1]);
  node = await NodeUnderTest.started({ dockerHost: engine.dockerHost });
});
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
  if (hadUser === false) spawnSync('userdel', [mapped]);
});

describe('kernels of an engine that maps users', () => {
  it('have runner and tenant without a user of the host, and files that are theirs', async () => {
    const id = await node.create(...shell);
    const ran = await node.run([
      'exec',
      id,
      '-c',
      'read -r inside outside count </proc/self/uid_map; echo $inside $outside; echo x >made',
    ]);
    expect(ran.text).toBe(`0 ${first}\n`);
    const scratch = path.join(node.stateDir, 'scratch', id);
    expect((await stat(path.join(scratch, 'work', 'made'))).uid).toBe(first + 1000);
    expect(await stat(path.join(scratch, 'run', 'runner.json'))).toMatchObject({ uid: first, mode: 0o100600 });
    await using api = new DockerEngine({ dockerHost: engine.dockerHost });
    const container = await api.inspectContainer((await kernelsOf(node))[0]?.containerId ?? '', within(10_000));
    expect(await readFile(`/proc/${container?.pid}/status`, 'utf8')).toMatch(
      new RegExp(`^Uid:\\t${first}\\t${first}\\t`, 'm'),
    );
    expect((await node.run(['upload', id, import.meta.filename, 'sent'])).status).toBe(0);
    expect((await stat(path.join(scratch, 'work', 'sent'))).uid).toBe(first + 1000);
    expect((await node.run(['restart', id])).status).toBe(0);
    expect((await node.run(['exec', id, '-c', 'read -r word <made; echo $word'])).text).toBe('x\n');
    await node.run(['rm', id]);
  });

  it('join prewarmed networks, whose user namespace they share', async () => {
    const ids = await eventually('one has joined', async () => {
      const id = await node.create(...shell);
      await using api = new DockerEngine({ dockerHost: engine.dockerHost });
      const listed = await api.listContainers({ [labelNames.prewarmedNetwork]: null }, within(10_000));
      if (listed.length > 0) return [id];
      await node.run(['rm', '-f', id]);
      return null;
    });
    expect((await node.run(['exec', ids[0] ?? '', '-c', 'echo works'])).text).toBe('works\n');
    await node.run(['rm', '-f', ...ids]);
  });
});

describe('a user whom such an engine gives no container', () => {
  it('is refused in one sentence, before there is a container', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-mapped-'));
    try {
      const file = path.join(folder, 'agent.toml');
      await writeFile(file, '[container]\nkernel-uid = 70000\n');
      const alone = await NodeUnderTest.make({ dockerHost: engine.dockerHost });
      const { status, stderr } = await alone.run(['run', ...shell, '-c', 'echo never'], {
        environment: { BACKEND_CONFIG_FILE: file },
      });
      expect(status).not.toBe(0);
      expect(stderr).toContain(
        'the engine gives containers the ids below 65536 (userns-remap), and the kernel is to have user 70000',
      );
      await rm(alone.folder, { recursive: true, force: true });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
