import { describe, expect, it } from 'vitest';
import type { ContainerSpec } from '../engine.ts';
import { containerBody as bodyOf } from './container-body.ts';

function spec(change: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    name: 'kernel.python.1',
    image: 'sha256:abc',
    hostname: 'main1',
    entrypoint: ['/opt/backend.ai/entry'],
    command: ['run'],
    environ: ['A=1'],
    workingDirectory: '/home/work',
    labels: { 'ai.backend.owner': 'i-1' },
    mounts: [
      { source: '/scratch/k/work', target: '/home/work', readOnly: false },
      { source: '/volumes/runner', target: '/opt/backend.ai', readOnly: true },
    ],
    temporaryFilesystems: { '/tmp': 'rw,size=64m' },
    limits: { cpus: 0.5, memoryBytes: 2 ** 30, processes: 512 },
    network: 'bridge',
    networkAliases: [],
    ports: [{ containerPort: 8080, hostAddress: '127.0.0.1', hostPort: 30000 }],
    capabilities: ['SETUID', 'SETGID', 'KILL'],
    noNewPrivileges: true,
    securityOptions: [],
    logLimitBytes: 10 * 2 ** 20,
    init: true,
    ...change,
  };
}

const maskedPaths = ['/proc/kcore', '/sys/firmware'];
const containerBody = (of: ContainerSpec) => bodyOf(of, { appArmorProfile: null, maskedPaths });

describe('containerBody', () => {
  it('writes the whole request', () => {
    expect(containerBody(spec())).toEqual({
      Image: 'sha256:abc',
      Hostname: 'main1',
      User: '0:0',
      Healthcheck: { Test: ['NONE'] },
      StopSignal: 'SIGTERM',
      Entrypoint: ['/opt/backend.ai/entry'],
      Cmd: ['run'],
      Env: ['A=1'],
      WorkingDir: '/home/work',
      Labels: { 'ai.backend.owner': 'i-1' },
      Tty: false,
      OpenStdin: false,
      AttachStdin: false,
      AttachStdout: false,
      AttachStderr: false,
      ExposedPorts: { '8080/tcp': {} },
      HostConfig: {
        Privileged: false,
        PublishAllPorts: false,
        AutoRemove: false,
        RestartPolicy: { Name: 'no' },
        IpcMode: 'private',
        CgroupnsMode: 'private',
        Init: true,
        NetworkMode: 'bridge',
        CapDrop: ['ALL'],
        CapAdd: ['SETUID', 'SETGID', 'KILL'],
        SecurityOpt: ['no-new-privileges:true'],
        MaskedPaths: maskedPaths,
        ReadonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
        LogConfig: { Type: 'local', Config: { 'max-size': '2m', 'max-file': '5', compress: 'false' } },
        Mounts: [
          {
            Type: 'bind',
            Source: '/scratch/k/work',
            Target: '/home/work',
            ReadOnly: false,
            BindOptions: { Propagation: 'rprivate' },
          },
          {
            Type: 'bind',
            Source: '/volumes/runner',
            Target: '/opt/backend.ai',
            ReadOnly: true,
            BindOptions: { Propagation: 'rprivate', NonRecursive: true },
          },
        ],
        Tmpfs: { '/tmp': 'rw,size=64m' },
        PortBindings: { '8080/tcp': [{ HostIp: '127.0.0.1', HostPort: '30000' }] },
        CpuPeriod: 100_000,
        CpuQuota: 50_000,
        Memory: 2 ** 30,
        MemorySwap: 2 ** 30,
        PidsLimit: 512,
        Ulimits: [{ Name: 'core', Soft: 0, Hard: 0 }],
      },
    });
  });

  it('adds what is asked for only when it is asked for', () => {
    const limits = {
      cpus: 2,
      cpuset: '0-1',
      memoryBytes: 2 ** 30,
      processes: 8,
      sharedMemoryBytes: 2 ** 26,
      diskBytes: 2 ** 33,
      openFiles: 4096,
      lockedBytes: Number.POSITIVE_INFINITY,
    };
    expect(containerBody(spec({ limits, securityOptions: ['seccomp=unconfined'] }))).toMatchObject({
      HostConfig: {
        CpusetCpus: '0-1',
        ShmSize: 2 ** 26,
        StorageOpt: { size: '8589934592' },
        Ulimits: [
          { Name: 'core', Soft: 0, Hard: 0 },
          { Name: 'nofile', Soft: 4096, Hard: 4096 },
          { Name: 'memlock', Soft: -1, Hard: -1 },
        ],
        SecurityOpt: ['no-new-privileges:true', 'seccomp=unconfined'],
      },
    });
    expect(JSON.stringify(containerBody(spec()))).not.toMatch(
      /nofile|memlock|StorageOpt|ShmSize|CpusetCpus|NetworkingConfig/,
    );
  });

  it('names the profile of AppArmor that the engine has, before what the operator says of it', () => {
    const overrides = { HostConfig: { SecurityOpt: ['apparmor=site'] } };
    expect(
      bodyOf(spec({ securityOptions: ['seccomp={}'], overrides }), { appArmorProfile: 'docker-default', maskedPaths }),
    ).toMatchObject({
      HostConfig: {
        SecurityOpt: ['no-new-privileges:true', 'apparmor=docker-default', 'seccomp={}', 'apparmor=site'],
      },
    });
    expect(containerBody(spec({ readOnlyRoot: true }))).toMatchObject({ HostConfig: { ReadonlyRootfs: true } });
  });

  it('has a limit once, as the operator’s own fields say', () => {
    const core = { Name: 'core', Soft: -1, Hard: -1 };
    const limits = { cpus: 1, memoryBytes: 2 ** 30, processes: 8, openFiles: 4096 };
    expect(containerBody(spec({ limits, overrides: { HostConfig: { Ulimits: [core] } } }))).toMatchObject({
      HostConfig: { Ulimits: [{ Name: 'nofile', Soft: 4096, Hard: 4096 }, core] },
    });
  });

  it('sets no limit that is not wanted', () => {
    const loose = containerBody(spec({ limits: { cpus: null, memoryBytes: null, processes: null } }));
    expect(loose).toMatchObject({ HostConfig: { PidsLimit: -1 } });
    expect(JSON.stringify(loose)).not.toMatch(/CpuQuota|Memory/);
    expect(containerBody(spec({ limits: { cpus: 1, memoryBytes: 2 ** 30, swap: true, processes: 8 } }))).toMatchObject({
      HostConfig: { Memory: 2 ** 30, MemorySwap: -1 },
    });
  });

  it('gives aliases only on networks that take them', () => {
    expect(containerBody(spec({ network: 'kernelet', networkAliases: ['main1'] }))).toMatchObject({
      NetworkingConfig: { EndpointsConfig: { kernelet: { Aliases: ['main1'] } } },
    });
    expect(containerBody(spec({ networkAliases: ['main1'] }))).not.toHaveProperty('NetworkingConfig');
  });

  it('publishes one container port on several addresses, and keeps every log file usable', () => {
    const ports = ['127.0.0.1', '10.0.0.1'].map((hostAddress) => ({ containerPort: 80, hostAddress, hostPort: 30000 }));
    expect(containerBody(spec({ ports, logLimitBytes: 1 }))).toMatchObject({
      HostConfig: {
        PortBindings: {
          '80/tcp': [
            { HostIp: '127.0.0.1', HostPort: '30000' },
            { HostIp: '10.0.0.1', HostPort: '30000' },
          ],
        },
        LogConfig: { Config: { 'max-size': '4k' } },
      },
    });
  });

  it("lays an operator's fields over it: maps merge, lists join, the rest is replaced", () => {
    const overrides = JSON.parse(
      '{"HostConfig":{"CapAdd":["IPC_LOCK"],"Runtime":"runsc","Init":false},"__proto__":{"x":1}}',
    );
    const body = containerBody(spec({ overrides }));
    expect(body).toMatchObject({
      HostConfig: { CapAdd: ['SETUID', 'SETGID', 'KILL', 'IPC_LOCK'], Runtime: 'runsc', Init: false, PidsLimit: 512 },
    });
    expect(body).not.toHaveProperty('x');
  });
});
