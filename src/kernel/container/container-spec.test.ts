import { describe, expect, it } from 'vitest';
import { recordFixture, specFixture } from '../../../test/support/kernel-record.ts';
import { testSettings } from '../../../test/support/kernels-fixture.ts';
import { noProvision } from '../../devices/device-provision.ts';
import { asContainerId, parseAgentId } from '../../lib/ids.ts';
import { type KernelPlacement, noPlacement } from '../record.ts';
import type { KernelSpec } from '../spec.ts';
import { type ContainerSettings, containerSpec, defaultHardening } from './container-spec.ts';
import { Ownership } from './ownership.ts';

const folder = {
  root: '/s',
  work: '/s/work',
  config: '/s/config',
  run: '/s/run',
  networkFiles: '/s/names',
  users: '/s/users',
  sockets: '/folder/sockets',
  private: '/s/private',
};
const terminal = { name: 'ttyd', protocol: 'http', containerPorts: [7681], isInference: false };
const server = { name: 'sshd', protocol: 'tcp', containerPorts: [2200], isInference: false };
const hostPorts = [
  { containerPort: 2200, hostPort: 31_000 },
  { containerPort: 7681, hostPort: 31_001 },
];

function specOf(
  change: Partial<KernelSpec>,
  settings: Partial<ContainerSettings> = {},
  placed: Partial<KernelPlacement> = {},
) {
  const spec = specFixture({ services: [server, terminal], publish: [2200, 7681], network: 'bridge', ...change });
  const record = recordFixture({ spec, placement: { ...noPlacement, hostPorts, ...placed } });
  return containerSpec(record, {
    paths: folder,
    ownership: new Ownership(parseAgentId('i-one'), new Uint8Array(32)),
    settings: { ...testSettings.container, bridgeName: 'kernelet-x', publishAddress: '10.0.0.5', ...settings },
    volume: '/volume',
    imageRoot: null,
  });
}

describe('the container of a kernel', () => {
  it('is all of this, and nothing of the session’s variables', () => {
    const ownership = new Ownership(parseAgentId('i-one'), new Uint8Array(32));
    const { spec, ...rest } = recordFixture({ generation: 3 });
    const record = { ...rest, spec: { ...spec, mounts: [{ source: '/data', target: '/d', readOnly: false }] } };
    const parts = { paths: folder, ownership, settings: { ...testSettings.container, bridgeName: 'b' } };
    const made = containerSpec(record, { ...parts, volume: '/volume', imageRoot: null });
    const [name] = ownership.containerNames(spec.id, 'kernelet/base');
    expect(made).toEqual({
      name,
      image: 'sha256:00',
      hostname: 'main1',
      entrypoint: ['/opt/backend.ai/bin/busybox', 'sh', '/opt/backend.ai/bin/entry'],
      command: [],
      environ: [],
      workingDirectory: '/',
      labels: expect.objectContaining({
        'ai.backend.kernel-id': spec.id,
        'ai.backend.session-id': spec.id,
        'ai.backend.owner': 'i-one',
        'ai.kernelet.generation': '3',
        'ai.kernelet.proof': ownership.proof(name),
      }),
      mounts: [
        { source: '/volume', target: '/opt/backend.ai', readOnly: true },
        { source: '/s/run', target: '/opt/kernel/run', readOnly: false },
        { source: '/s/work', target: '/home/work', readOnly: false },
        { source: '/s/config', target: '/home/config', readOnly: true },
        { source: '/data', target: '/d', readOnly: false },
      ],
      temporaryFilesystems: {},
      limits: { cpus: 1, memoryBytes: 256 * 2 ** 20, swap: false, processes: 64 },
      devices: made.devices,
      network: 'none',
      networkAliases: [],
      ports: [],
      capabilities: ['SETUID', 'SETGID', 'KILL'],
      noNewPrivileges: true,
      securityOptions: defaultHardening.securityOptions,
      logLimitBytes: 2 ** 20,
      init: false,
    });
    expect(JSON.stringify(made)).not.toContain('GREETING');
  });

  it('sees what the operator shows all of them, and files and libraries of its devices, which it cannot write', () => {
    const view = { source: '/proc/view', target: '/proc/cpuinfo', readOnly: true };
    const provision = { ...noProvision, hooks: ['/usr/lib/libnpu.so'], mounts: [{ source: '/m', target: '/t' }] };
    const record = recordFixture({ placement: { ...noPlacement, provision } });
    const { mounts, limits } = containerSpec(record, {
      ...{ paths: folder, ownership: new Ownership(parseAgentId('i-one'), new Uint8Array(32)), volume: '/volume' },
      ...{ settings: { ...testSettings.container, bridgeName: 'b' }, imageRoot: null, views: [view] },
      commonDevices: { nodes: ['/dev/infiniband/uverbs0'], lockedBytes: 2 ** 30 },
    });
    expect(mounts[0]).toEqual(view);
    expect(mounts.slice(-2)).toEqual([
      { source: '/usr/lib/libnpu.so', target: '/opt/kernel/libnpu.so', readOnly: true },
      { source: '/m', target: '/t', readOnly: true },
    ]);
    expect(limits).toMatchObject({ lockedBytes: 2 ** 30 });
  });

  it('publishes its ports where the node says, and private services on the loopback address in any case', () => {
    expect(specOf({}).ports.map(({ hostAddress }) => hostAddress)).toEqual(['10.0.0.5', '10.0.0.5']);
    expect(specOf({}, { privateServices: ['ttyd'] }).ports).toMatchObject([
      { containerPort: 2200, hostAddress: '10.0.0.5' },
      { containerPort: 7681, hostAddress: '127.0.0.1' },
    ]);
  });

  it('says in labels which services it has beside the runner’s own, and whether they are blocked', () => {
    const services = [
      server,
      { name: '8080', protocol: 'preopen', containerPorts: [8080], isInference: false },
      terminal,
      { name: 'webapp', protocol: 'http', containerPorts: [9901, 9902], isInference: true },
    ];
    expect(specOf({ services, servicesBlocked: true }).labels).toMatchObject({
      'ai.backend.internal.block-service-ports': '1',
      'ai.backend.service-ports': '8080:preopen:8080,webapp:http:[9901,9902]',
    });
    const { labels } = specOf({});
    expect(labels).toMatchObject({ 'ai.backend.internal.block-service-ports': '0' });
    // The image's own stays.
    expect(labels).not.toHaveProperty('ai.backend.service-ports');
  });

  it('is on the network that is named, under its names, and publishes nothing on the host’s own', () => {
    const network = { name: 'net', aliases: ['main1'], hosts: [] };
    expect(specOf({ network })).toMatchObject({ network: 'net', networkAliases: ['main1'] });
    const onHost = { name: 'host', aliases: [], hosts: [['sub1', '10.0.0.6']] as const };
    expect(specOf({ network: onHost })).toMatchObject({ network: 'host', ports: [], hosts: [['sub1', '10.0.0.6']] });
  });

  it('has the capabilities of images where they are dropped again, and keeps them for root with sudo', () => {
    expect(specOf({})).toMatchObject({
      capabilities: ['SETUID', 'SETGID', 'KILL'],
      command: [],
      noNewPrivileges: true,
    });
    const hardening = { ...defaultHardening, imageBootstrap: 'root' as const, imageCapabilities: ['CHOWN', 'KILL'] };
    expect(specOf({}, { hardening })).toMatchObject({
      capabilities: ['SETUID', 'SETGID', 'KILL', 'CHOWN', 'SETPCAP'],
      command: ['bounded'],
      noNewPrivileges: true,
    });
    expect(specOf({ sudo: true }, { hardening })).toMatchObject({
      capabilities: ['SETUID', 'SETGID', 'KILL', 'CHOWN'],
      command: [],
      noNewPrivileges: false,
    });
  });

  it('has a folder of sockets around what else the agent lays, where it has any', () => {
    const targets = (spec: Partial<KernelSpec>) => specOf(spec).mounts.filter(({ target }) => target === '/opt/kernel');
    expect(targets({})).toEqual([]);
    const mount = { source: '/folder/sockets', target: '/opt/kernel', readOnly: true };
    expect(targets({ agentSocket: true })).toEqual([mount]);
    expect(targets({ socketProxies: ['/run/docker.sock'] })).toEqual([mount]);
  });

  it('has su-exec where a script of its image or its user may be root', () => {
    const command = { source: '/volume/bin/su-exec', target: '/opt/kernel/su-exec', readOnly: true };
    const hardening = { ...defaultHardening, imageBootstrap: 'root' as const, imageCapabilities: [] };
    for (const spec of [specOf({}, { hardening }), specOf({ sudo: true })]) expect(spec.mounts).toContainEqual(command);
    expect(specOf({}).mounts).not.toContainEqual(command);
  });

  it('has none of them where the script of its image may not run, but with sudo', () => {
    const hardening = { ...defaultHardening, imageCapabilities: ['CHOWN'] };
    expect(specOf({}, { hardening })).toMatchObject({ capabilities: ['SETUID', 'SETGID', 'KILL'], command: [] });
    expect(specOf({ sudo: true }, { hardening }).capabilities).toContain('CHOWN');
  });

  it('has the limits of the kernel, its shared memory taken from its memory', () => {
    const limits = {
      ...{ cpus: 1.5, memoryBytes: 2 ** 30, processes: 64, homeBytes: null, bitsPerSecond: null },
      ...{ sharedMemoryBytes: 2 ** 20, diskBytes: 2 ** 33, openFiles: 1024 },
    };
    expect(specOf({ limits }, {}, { cpuset: '0-1' }).limits).toEqual({
      ...{ cpus: 1.5, memoryBytes: 2 ** 30 - 2 ** 20, swap: false, processes: 64, cpuset: '0-1' },
      ...{ sharedMemoryBytes: 2 ** 20, diskBytes: 2 ** 33, openFiles: 1024 },
    });
    expect(specOf({}).limits).toEqual({ cpus: 1, memoryBytes: 256 * 2 ** 20, swap: false, processes: 64 });
  });

  it('has none of the limits that the operator does not enforce', () => {
    const hardening = { ...defaultHardening, limited: { cpus: false, memory: false, processes: false }, swap: true };
    expect(specOf({}, { hardening }).limits).toEqual({ cpus: null, memoryBytes: null, swap: true, processes: null });
  });

  it('runs in the OCI runtime that is asked for, unless its devices need another', () => {
    const needing = (runtime: string | null) => ({ provision: { ...noProvision, runtime } });
    expect(specOf({})).not.toHaveProperty('runtime');
    expect(specOf({ ociRuntime: 'runsc' })).toMatchObject({ runtime: 'runsc' });
    expect(specOf({ ociRuntime: 'nvidia' }, {}, needing('nvidia'))).toMatchObject({ runtime: 'nvidia' });
    expect(() => specOf({ ociRuntime: 'runsc' }, {}, needing('nvidia'))).toThrow(
      'devices of the kernel need the OCI runtime nvidia, and it is to have runsc',
    );
  });

  it('has network files of its own, which nobody can write, in a network that others have joined and will join', () => {
    const container = asContainerId('a'.repeat(64));
    const joined = specOf({}, {}, { prewarmedNetwork: { container, receivedBytes: 0, sentBytes: 0 }, hostPorts: [] });
    expect(joined.network).toEqual({ kind: 'join', container });
    for (const name of ['hosts', 'resolv.conf', 'hostname']) {
      expect(joined.mounts).toContainEqual({ source: `/s/names/${name}`, target: `/etc/${name}`, readOnly: true });
    }
    expect(specOf({}).mounts.map(({ target }) => target)).not.toContain('/etc/hosts');
  });
});
