/**
 * Section 5 of the CIS Docker Benchmark 1.6.0, on one kernel of a node that is alone and one of a member of a cluster: what
 * is seen of each is what `docs/explanation/security.md` says of it, check by check.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Member } from '../support/cluster/member.ts';
import { describeCluster } from '../support/cluster/services.ts';
import { engineCall } from '../support/engine-api.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';
import { docker } from '../support/runner-container.ts';

interface Limit {
  readonly Name: string;
  readonly Hard: number;
}

/** What the engine says of a container, as far as the checks look at it. */
interface Container {
  readonly AppArmorProfile: string;
  readonly ProcessLabel: string;
  readonly ExecIDs: readonly string[] | null;
  readonly Config: { readonly Image: string; readonly Healthcheck: { readonly Test: readonly string[] } };
  readonly Mounts: readonly { readonly Source: string; readonly Destination: string; readonly Propagation: string }[];
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, unknown>> };
  readonly HostConfig: {
    readonly [Name in 'NetworkMode' | 'PidMode' | 'IpcMode' | 'UTSMode' | 'UsernsMode' | 'CgroupParent']: string;
  } & {
    readonly Privileged: boolean;
    readonly ReadonlyRootfs: boolean;
    readonly PublishAllPorts: boolean;
    readonly CapAdd: readonly string[];
    readonly CapDrop: readonly string[];
    readonly SecurityOpt: readonly string[];
    readonly Memory: number;
    readonly CpuQuota: number;
    readonly PidsLimit: number;
    readonly Devices: readonly unknown[] | null;
    readonly Ulimits: readonly Limit[];
    readonly RestartPolicy: { readonly Name: string; readonly MaximumRetryCount: number };
    readonly PortBindings: Readonly<Record<string, readonly { HostIp: string; HostPort: string }[]>>;
  };
}

/** A kernel as it is seen from outside. */
interface Seen {
  readonly container: Container;
  /** Command lines of its processes. */
  readonly processes: string;
  /** What the engine says that isolates containers on this machine. */
  readonly engine: readonly string[];
  /** Container ports that somebody has asked for. */
  readonly asked: readonly number[];
}

/** What engines give when nobody says anything. */
const usualCapabilities = new Set(
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'.split(
    ' ',
  ),
);
const sensitive = ['/', '/boot', '/dev', '/etc', '/lib', '/proc', '/sys', '/usr'];
const bindingsOf = ({ container }: Seen) => Object.entries(container.HostConfig.PortBindings);
const optionsOf = ({ container }: Seen): string => container.HostConfig.SecurityOpt.join('\n');

const checks: Readonly<Record<string, (seen: Seen) => boolean>> = {
  '5.1': ({ engine, container }) =>
    !engine.includes('name=apparmor') || container.AppArmorProfile.startsWith('docker-default'),
  '5.2': (seen) =>
    !optionsOf(seen).includes('label=disable') &&
    (!seen.engine.includes('name=selinux') || seen.container.ProcessLabel !== ''),
  '5.3': ({ container: { HostConfig: host } }) =>
    host.CapDrop.includes('ALL') && host.CapAdd.every((name) => usualCapabilities.has(name.replace('CAP_', ''))),
  '5.4': ({ container }) => !container.HostConfig.Privileged,
  '5.5': ({ container }) => !container.Mounts.some(({ Source }) => sensitive.includes(Source)),
  '5.6': ({ processes }) => !/sshd|dropbear/.test(processes),
  '5.7': (seen) => bindingsOf(seen).every(([, bound]) => bound.every(({ HostPort }) => Number(HostPort) >= 1024)),
  '5.8': (seen) =>
    !seen.container.HostConfig.PublishAllPorts &&
    bindingsOf(seen).every(([port]) => seen.asked.includes(Number.parseInt(port, 10))),
  '5.9': ({ container }) => container.HostConfig.NetworkMode !== 'host',
  '5.10': ({ container }) => container.HostConfig.Memory > 0,
  '5.11': ({ container }) => container.HostConfig.CpuQuota > 0,
  '5.12': ({ container }) => container.HostConfig.ReadonlyRootfs,
  '5.13': (seen) =>
    bindingsOf(seen).every(([, bound]) => bound.every(({ HostIp }) => !['', '0.0.0.0', '::'].includes(HostIp))),
  '5.14': ({ container: { HostConfig: host } }) =>
    host.RestartPolicy.Name === 'no' ||
    (host.RestartPolicy.Name === 'on-failure' && host.RestartPolicy.MaximumRetryCount <= 5),
  '5.15': ({ container }) => container.HostConfig.PidMode === '',
  '5.16': ({ container }) => container.HostConfig.IpcMode === 'private',
  '5.17': ({ container }) => (container.HostConfig.Devices ?? []).length === 0,
  '5.18': ({ container }) => container.HostConfig.Ulimits.some(({ Name, Hard }) => Name === 'core' && Hard === 0),
  '5.19': ({ container }) => !container.Mounts.some(({ Propagation }) => /^r?shared$/.test(Propagation)),
  '5.20': ({ container }) => container.HostConfig.UTSMode === '',
  '5.21': (seen) => optionsOf(seen).includes('seccomp={') && !optionsOf(seen).includes('seccomp=unconfined'),
  // Nothing is run in a kernel by the engine, so nothing is with privileges or as another user.
  '5.22': ({ container }) => (container.ExecIDs ?? []).length === 0,
  '5.23': ({ container }) => (container.ExecIDs ?? []).length === 0,
  '5.24': ({ container }) => container.HostConfig.CgroupParent === '',
  '5.25': (seen) => optionsOf(seen).includes('no-new-privileges'),
  '5.26': ({ container }) => container.Config.Healthcheck.Test[0] !== 'NONE',
  '5.27': ({ container }) => !container.Config.Image.startsWith('sha256:'),
  '5.28': ({ container }) => container.HostConfig.PidsLimit > 0,
  '5.29': ({ container }) => !Object.hasOwn(container.NetworkSettings.Networks, 'bridge'),
  '5.30': ({ container }) => container.HostConfig.UsernsMode !== 'host',
  '5.31': ({ container }) => !container.Mounts.some(({ Source }) => /docker\.sock|containerd\.sock/.test(Source)),
};

type Mode = 'alone' | 'in a cluster';

/** What the page says of each check, by mode: `yes`, or the reason. */
async function documented(mode: Mode): Promise<Readonly<Record<string, string>>> {
  const page = path.resolve(import.meta.dirname, '..', '..', 'docs', 'explanation', 'security.md');
  const rows = (await readFile(page, 'utf8')).matchAll(/^\| (5\.\d+) \|[^|\n]+\|([^|\n]+)\|([^|\n]+)\|$/gm);
  return Object.fromEntries(
    [...rows].map(([, id, alone, cluster]) => [id, (mode === 'alone' ? alone : cluster)?.trim()]),
  );
}

/** What is seen, in the page's words: a check that fails has the reason that is given there. */
async function found(mode: Mode, seen: Seen): Promise<Readonly<Record<string, string>>> {
  const said = await documented(mode);
  const words = (id: string, passes: boolean): string => {
    if (passes) return 'yes';
    const reason = said[id] ?? '';
    return /^\S+ \S+ \S+ /.test(reason) ? reason : 'a reason is missing';
  };
  return Object.fromEntries(Object.entries(checks).map(([id, check]) => [id, words(id, check(seen))]));
}

async function look(container: string, asked: readonly number[]): Promise<Seen> {
  const [inspected, info] = await Promise.all([
    engineCall('GET', `/containers/${container}/json`),
    engineCall('GET', '/info'),
  ]);
  return {
    container: JSON.parse(inspected.text) as Container,
    processes: await docker('top', container, '-eo', 'pid,args'),
    engine: (JSON.parse(info.text) as { SecurityOptions: readonly string[] }).SecurityOptions,
    asked,
  };
}

const containerOf = (json: string): string => (JSON.parse(json) as { containerId: string }).containerId;

describeCluster('each check of section 5 of the CIS Docker Benchmark', (services) => {
  it('is passed by a kernel of a node that is alone, or has its reason in the documentation', async () => {
    const node = await NodeUnderTest.started();
    onTestFinished(() => node[Symbol.asyncDispose]());
    const id = await node.create('--image', 'kernelet/shell', '--publish', '8000');
    const seen = await look(containerOf((await node.run(['inspect', '--json', id])).text), [8000]);
    expect(await found('alone', seen)).toEqual(await documented('alone'));
  }, 120_000);

  it('is passed by a kernel of a member of a cluster, or has its reason in the documentation', async () => {
    const { etcd, stream } = services;
    await using member = await Member.joined({ id: 'i-cis', etcdPort: etcd.port, stream });
    const kernel = await member.create({}, 'kernelet/shell:latest');
    const seen = await look(containerOf((await member.run(['inspect', '--json', kernel.id])).text), asked(kernel.info));
    expect(await found('in a cluster', seen)).toEqual(await documented('in a cluster'));
  }, 120_000);
});

/** The ports of the services that the manager was told of. */
function asked(info: Readonly<Record<string, unknown>>): readonly number[] {
  const services = info['service_ports'] as readonly { readonly container_ports: readonly number[] }[];
  return [2000, 2001, ...services.flatMap(({ container_ports: ports }) => ports)];
}
