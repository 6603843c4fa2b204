/** Kernels under another OCI runtime than the engine's own: gVisor's, which has a kernel of its own, and such as cannot serve. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DockerEngine } from '../../src/engine/docker/docker-engine.ts';
import { within } from '../support/engine.ts';
import { ExtraEngine, emptyImage, ensurePrograms } from '../support/extra-engine.ts';
import { hostServices } from '../support/hostile-tenant/probe.ts';
import { containedKernels, eventually, kernelsOf, statusOf } from '../support/node-facts.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';

const shell = ['--image', emptyImage, '--lang', 'shell'];
/** gVisor says that it is Linux 4.4, whatever the machine runs. */
const system = 'read -r words </proc/version; echo "$words"';
const isGvisors = /^Linux version 4\.4\.0 /;

let folder: string;
let engine: ExtraEngine;
let node: NodeUnderTest;
beforeAll(async () => {
  await ensurePrograms(['runsc', 'runsc']);
  folder = await mkdtemp(path.join(tmpdir(), 'kernelet-runtimes-'));
  // Newer Linux than this gVisor knows makes its own network stack refuse to start, so sockets are the machine's here.
  const common = '--platform=ptrace --network=host';
  engine = await ExtraEngine.start([
    `--add-runtime=runsc=${await runtime('runsc', `${common} --host-uds=create`)}`,
    `--add-runtime=closed=${await runtime('closed', common)}`,
  ]);
  // A runner behind a socket that the host doesn't see is waited for in vain.
  const configuration = '[kernelet]\nready-timeout = "15s"\noci-runtimes = ["runsc", "closed", "absent"]\n';
  node = await NodeUnderTest.started({ dockerHost: engine.dockerHost, configuration });
});
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** A runtime with these flags. */
async function runtime(name: string, flags: string): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, `#!/bin/sh\nexec "$(command -v runsc)" ${flags} "$@"\n`);
  await chmod(file, 0o755);
  return file;
}

const refusalOf = async (...args: readonly string[]): Promise<string> => {
  const { status, stderr } = await node.run(['create', ...shell, ...args]);
  expect(status).not.toBe(0);
  return stderr;
};

describe('a runtime that the operator names', () => {
  it('is tried in the background, and refused in one sentence when no runner answers under it', async () => {
    // The engine's own is nobody's trial: a kernel is there at once.
    const own = await node.create(...shell);
    expect((await node.run(['exec', own, '-c', system])).text).not.toMatch(isGvisors);
    await node.run(['rm', '-f', own]);
    const tried = await eventually(
      'each has been tried',
      async () => {
        const { ociRuntimes } = await statusOf(node);
        return ociRuntimes.every(({ state }) => state !== 'unknown') ? ociRuntimes : null;
      },
      60_000,
    );
    expect(tried).toEqual([
      { name: 'runsc', state: 'usable', detail: '' },
      {
        name: 'closed',
        state: 'refused',
        detail: expect.stringMatching(/^no kernel runs under the OCI runtime closed: /),
      },
      { name: 'absent', state: 'refused', detail: expect.stringContaining('the engine knows ') },
    ]);
    expect(await refusalOf('--runtime', 'closed')).toContain(tried[1]?.detail.split('\n')[0]);
    expect(await refusalOf('--runtime', 'absent')).toContain('register it under "runtimes" in daemon.json');
    expect(await refusalOf('--runtime', 'runc')).toContain('may not have the OCI runtime "runc"');
    expect(node.daemonErrors).toContain('no kernel runs under the OCI runtime closed');
    const doctor = await node.run(['doctor', '--config', path.join(node.folder, 'agent.toml')]);
    expect(doctor.text).toMatch(/failed .*runtimes .*the engine has no OCI runtime absent/);
    await using api = new DockerEngine({ dockerHost: engine.dockerHost });
    expect((await api.listImages(within(10_000))).flatMap(({ references }) => references)).toEqual([emptyImage]);
    expect(await kernelsOf(node)).toEqual([]);
  });
});

describe('a kernel under gVisor', () => {
  it('runs programs there, over restarts of itself and of the daemon', async () => {
    const id = await node.create(...shell, '--runtime', 'runsc');
    const text = async (code: string): Promise<string> => (await node.run(['exec', id, '-c', code])).text;
    expect(await text(`${system}; id=$(/opt/backend.ai/bin/busybox id -u); echo $id; kept=7; echo x >file`)).toMatch(
      /^Linux version 4\.4\.0 .*\n[1-9]\d{3,}\n$/,
    );
    const [kernel] = await kernelsOf(node);
    expect(kernel).toMatchObject({ id, ociRuntime: 'runsc', runner: { phase: 'ready', detail: '' } });
    await node.endDaemon('SIGKILL');
    await node.startDaemon();
    expect(await text('read -r word <file; echo $kept $word')).toBe('7 x\n');
    expect((await node.run(['restart', id])).status).toBe(0);
    expect(await text(system)).toMatch(isGvisors);
    expect(await text('read -r word <file; echo [$kept] $word')).toBe('[] x\n');
    expect((await kernelsOf(node))[0]).toMatchObject({ ociRuntime: 'runsc' });
    await node.run(['rm', id]);
    expect(await containedKernels(node)).toEqual([]);
  });

  it('is kept off the services of this host', async () => {
    await using services = await hostServices();
    const [address] = Object.keys(services.addresses);
    expect(address).toBeDefined();
    const id = await node.create(...shell, '--runtime', 'runsc');
    const reach = `/opt/backend.ai/bin/busybox nc -w 3 ${address} ${services.listening.tcp} </dev/null; echo $?`;
    expect((await node.run(['exec', id, '-c', reach])).text).toBe('1\n');
    await node.run(['rm', '-f', id]);
  });
});

describe('the runtime of a node', () => {
  it('is that of a kernel whose request names none, also without a daemon', async () => {
    const alone = await NodeUnderTest.make({ dockerHost: engine.dockerHost });
    const file = path.join(folder, 'agent.toml');
    await writeFile(file, '[kernelet]\noci-runtime = "runsc"\n');
    const environment = { BACKEND_CONFIG_FILE: file };
    const ran = await alone.run(['run', ...shell, '-c', system], { environment });
    expect(ran).toMatchObject({ status: 0, text: expect.stringMatching(isGvisors) });
    const other = await alone.run(['run', ...shell, '--runtime', 'runc', '-c', system], { environment });
    expect(other.stderr).toContain('may not have the OCI runtime "runc"');
    await rm(alone.folder, { recursive: true, force: true });
  });
});
