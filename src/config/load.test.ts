import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memberToml, useConfigFile } from '../../test/support/config-file.ts';
import { type LoadOptions, loadSettings } from './load.ts';
import { resolveSocketPath } from './paths.ts';

const { root, file, load, problemsOf } = useConfigFile();

describe('where a value comes from', () => {
  it('is its default when there is no file: none is needed', async () => {
    const { settings, sources, warnings } = await load(null);
    expect(settings).toMatchObject({
      mode: 'standalone',
      configFile: null,
      stateDir: join(root(), '.local/state/kernelet'),
      socketPath: join(root(), '.local/state/kernelet/kernelet.sock'),
      defaults: { cpus: 1, memoryBytes: 2 ** 30, processes: 512, network: 'bridge', imagePull: 'missing' },
      container: { kernelUser: { uid: 1234, gid: 5678 }, portRange: { first: 30_000, last: 31_000 } },
      readyTimeoutMs: 60_000,
      etcd: null,
    });
    expect(new Set(sources.values())).toEqual(new Set(['default']));
    expect(warnings).toEqual([]);
  });

  it('lets root file systems be written on request alone, and always where scripts of images change them', async () => {
    const writable = async (toml: string | null) => (await load(toml)).settings.writableRoot;
    expect(await writable(null)).toBe('on-request');
    expect(await writable('[kernelet]\nimage-bootstrap = "root"\n')).toBe('always');
    expect(await writable('[kernelet]\nimage-bootstrap = "root"\nwritable-root = "never"\n')).toBe('never');
  });

  it('lets the file win over defaults, the environment over the file, flags over all', async () => {
    const toml = '[kernelet]\nstate-dir = "/a"\nsocket = "/a/s"\ndefault-cpus = 2\nready-timeout = "5s"\n';
    const environ = { KERNELET_STATE_DIR: '/b', KERNELET_SOCKET: '/b/s', BACKEND_CONTAINER_PORT_RANGE: '100-200' };
    const { settings, sources } = await load(toml, { environ, flags: { socket: 'c/s' } });
    expect(settings).toMatchObject({
      stateDir: '/b',
      socketPath: join(root(), 'c/s'),
      defaults: { cpus: 2 },
      readyTimeoutMs: 5000,
      container: { portRange: { first: 100, last: 200 } },
    });
    const from = (key: string) => sources.get(key);
    expect([
      from('kernelet.state-dir'),
      from('kernelet.socket'),
      from('kernelet.default-cpus'),
      from('kernelet.disk-limit'),
    ]).toEqual(['environment', 'flag', 'file', 'default']);
  });

  it('is by parts for an address of which the environment sets one', async () => {
    const environ = { BACKEND_AGENT_PORT: '7001' };
    const agent = async (toml: string) => (await load(toml, { environ })).settings.agent.rpcListenAddress;
    expect(await agent('[agent]\nrpc-listen-addr = "10.0.0.1:6001"\n')).toEqual({ host: '10.0.0.1', port: 7001 });
    expect(await agent('[agent]\nrpc-listen-addr = { host = "h", port = 1 }\n')).toEqual({ host: 'h', port: 7001 });
    expect(await agent('')).toEqual({ host: '', port: 7001 });
    const hostOnly = await load('', { environ: { BACKEND_AGENT_HOST_OVERRIDE: 'x' } });
    expect(hostOnly.settings.agent.rpcListenAddress).toEqual({ host: 'x', port: 6001 });
  });

  it('is a flag or the environment for the level of the log, before debug.enabled of the file', async () => {
    const level = async (toml: string, options: LoadOptions = {}) => {
      const { settings, meanings } = await load(toml, options);
      return [settings.logging.level, meanings.get('debug.enabled')];
    };
    expect(await level('[debug]\nenabled = true\n')).toEqual(['debug', true]);
    expect(await level('[debug]\nenabled = true\n', { flags: { logLevel: 'warn' } })).toEqual(['warn', false]);
    expect(await level('[debug]\nenabled = true\n', { environ: { KERNELET_LOG_LEVEL: 'silent' } })).toEqual([
      'silent',
      false,
    ]);
    expect(await level('[logging]\nlevel = "error"\n', { flags: { debug: true } })).toEqual(['debug', true]);
    expect(await level('[logging]\nlevel = "Warn"\n')).toEqual(['warn', false]);
    expect(await level('[logging]\nlevel = "error"\n', { flags: { logLevel: 'NOTSET' } })).toEqual(['error', false]);
  });
});

describe('problems of a configuration', () => {
  // @promise configuration
  it('are all reported, each with key, value and place', async () => {
    const toml =
      '[container]\nport-range = "x"\n\nkernel-uid = -2\n[agent]\nbackend = "Docker"\n[etcd]\npassword = 5\n';
    expect(await problemsOf(toml, { environ: { KERNELET_LOG_LEVEL: 'loud' } })).toEqual([
      'agent.toml:4 container.kernel-uid -2',
      'agent.toml:2 container.port-range "x"',
      'agent.toml container.scratch-type null',
      'agent.toml:6 agent.backend "Docker"',
      'agent.toml etcd.namespace null',
      'agent.toml:8 etcd.password null',
      'environment variable KERNELET_LOG_LEVEL logging.level "loud"',
    ]);
  });

  it('say what is accepted', async () => {
    await expect(load('[container]\nport-range = 5\n')).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
      message: `${file()}:2: container.port-range = 5 is not a range of ports, such as [30000, 31000] or "30000-31000", the first below the last`,
    });
    await expect(load('agent = 5\n')).rejects.toThrow(`${file()}:1: agent = 5 must be a table`);
    await expect(load('[container]\nkernel-uid = "nobody-of-that-name"\n')).rejects.toThrow(
      'is not a user of this machine',
    );
    await expect(load('[agent]\nid = "i/1"\n')).rejects.toThrow(`${file()}:2: agent.id = "i/1" is not an id of`);
    await expect(load('[agent]\nbackend = "kubernetes"\n')).rejects.toThrow(
      `${file()}:2: agent.backend = "kubernetes" is not one of docker, dummy`,
    );
    await expect(load('[container\n')).rejects.toThrow(`${file()}:1:`);
    await expect(load(null, { flags: { stateDir: '' } })).rejects.toThrow(
      '--state-dir: kernelet.state-dir = "" is not a path',
    );
    await expect(load(null, { flags: { configFile: 'none.toml' } })).rejects.toThrow(
      `configuration file = ${root()}/none.toml is not a file`,
    );
  });

  it('show a number that JSON cannot express', async () => {
    expect(await problemsOf('[kernelet]\ndefault-cpus = nan\n')).toEqual(['agent.toml:2 kernelet.default-cpus "NaN"']);
  });

  it('are shown for a file that is not UTF-8', async () => {
    await writeFile(file(), Buffer.from('[agent]\nregion = "caf\xe9"\n', 'latin1'));
    await expect(load(null, { flags: { configFile: file() } })).rejects.toThrow(/agent\.toml: .* is not UTF-8/);
  });

  it('never show a password', async () => {
    await expect(load(`${memberToml.replace('[agent]', 'password = ["hunter2"]\n[agent]')}`)).rejects.not.toThrow(
      'hunter2',
    );
    const { values } = await load(memberToml.replace('[agent]', 'password = "hunter2"\n[agent]'));
    expect(values.get('etcd.password')).toBe('[secret]');
  });
});

describe('sandbox-type and infiniband', () => {
  it('are a filter and devices: the stricter one when asked for, devices in a cluster', async () => {
    const jail = await load('[container]\nsandbox-type = "jail"\n');
    expect(jail).toMatchObject({ warnings: [], settings: { container: { isJail: true, infiniband: false } } });
    expect((await load('')).settings.container.isJail).toBe(false);
    expect((await load(memberToml)).settings.container.infiniband).toBe(true);
    expect((await load('[kernelet]\ninfiniband = true\n')).settings.container.infiniband).toBe(true);
  });

  it('are refused when there is no filter to be stricter', async () => {
    const toml = '[container]\nsandbox-type = "jail"\n[kernelet.loosen]\nseccomp-unconfined = true\n';
    await expect(load(toml)).rejects.toThrow(/container\.sandbox-type.*seccomp-unconfined/s);
  });
});

describe('scratch-type hostfile', () => {
  const toml = '[container]\nscratch-type = "hostfile"\nscratch-size = "64m"\n';
  const asRoot = { uid: 0, gid: 0 };

  it('limits homes to scratch-size, which is a bound of over-use alone otherwise', async () => {
    expect(await load(toml, asRoot)).toMatchObject({
      warnings: [],
      settings: { defaults: { homeBytes: 64 * 2 ** 20 } },
    });
    const folder = await load(toml.replace('hostfile', 'hostdir'), asRoot);
    expect(folder.settings.defaults.homeBytes).toBeNull();
  });

  it('is refused without a size, with one that is too small or too large, and for an agent that is not root', async () => {
    await expect(load('[container]\nscratch-type = "hostfile"\n', asRoot)).rejects.toThrow(
      /scratch-size.*16m at least/s,
    );
    await expect(load(toml.replace('64m', '1m'), asRoot)).rejects.toThrow(/scratch-size.*16m at least/s);
    await expect(load(toml.replace('64m', '16t'), asRoot)).rejects.toThrow(/scratch-size.*15t at most/s);
    expect((await load(toml.replace('64m', '15t'), asRoot)).settings.defaults.homeBytes).toBe(15 * 2 ** 40);
    await expect(load(toml, { uid: 1000, gid: 1000 })).rejects.toThrow(/scratch-type.*root/s);
  });
});

describe('scratch-type memory', () => {
  const toml = '[container]\nscratch-type = "memory"\n';
  const asRoot = { uid: 0, gid: 0 };

  it('has homes of scratch-size in memory, of 64m where nothing is said', async () => {
    const plain = await load(toml, asRoot);
    expect(plain).toMatchObject({ warnings: [], settings: { defaults: { homeBytes: 2 ** 26, homeInMemory: true } } });
    const sized = await load(`${toml}scratch-size = "1g"\n`, asRoot);
    expect(sized.settings.defaults.homeBytes).toBe(2 ** 30);
  });

  it('is refused with a size that is too small, and for an agent that is not root', async () => {
    await expect(load(`${toml}scratch-size = "1m"\n`, asRoot)).rejects.toThrow(/scratch-size.*16m at least/s);
    await expect(load(toml, { uid: 1000, gid: 1000 })).rejects.toThrow(/scratch-type.*root/s);
  });
});

it('leaves a part of a small disk to the node, and of others a size, unless the configuration says how much', async () => {
  const reserve = async (toml: string) => (await load(toml)).settings.diskReserve;
  expect(await reserve('')).toEqual({ bytes: 256 * 2 ** 20, part: 0.05 });
  expect(await reserve('[kernelet]\ndisk-reserve = "1g"\n')).toEqual({ bytes: 2 ** 30 });
  expect(await reserve('[kernelet]\ndisk-reserve = "10%"\n')).toEqual({ part: 0.1 });
  expect(await reserve('[kernelet]\ndisk-reserve = 0\n')).toEqual({ bytes: 0 });
  await expect(reserve('[kernelet]\ndisk-reserve = true\n')).rejects.toThrow(/disk-reserve/);
});

it('makes programs of a root agent run as 1000 unless the configuration names a user', async () => {
  const user = async (toml: string) => (await load(toml, { uid: 0, gid: 0 })).settings.container.kernelUser;
  expect(await user('')).toEqual({ uid: 1000, gid: 1000 });
  expect(await user('[container]\nkernel-uid = -1\nkernel-gid = "-1"\n')).toEqual({ uid: 1000, gid: 1000 });
  expect(await user('[container]\nkernel-uid = 0\nkernel-gid = "root"\n')).toEqual({ uid: 0, gid: 0 });
});

it('gives kernels users of their own where the agent is root, alone, and nobody has named one', async () => {
  const users = async (toml: string, uid = 0) => (await load(toml, { uid, gid: uid })).settings.container.kernelUsers;
  expect(await users('')).toEqual({ first: 2_000_000, last: 2_065_535, gid: null });
  expect(await users('[kernelet]\nkernel-uid-range = "70000-70009"\n')).toEqual({
    first: 70_000,
    last: 70_009,
    gid: null,
  });
  expect(await users('[container]\nkernel-uid = -1\nkernel-gid = 50\n')).toMatchObject({ gid: 50 });
  expect(await users('[container]\nkernel-uid = 1000\n')).toBeNull();
  expect(await users('', 1234)).toBeNull();
  expect(await users(memberToml)).toBeNull();
  await expect(users('[kernelet]\nkernel-uid-range = [0, 9]\n')).rejects.toThrow(/is not a range of users/);
});

describe('the configuration file', () => {
  it('in the working directory counts only when asked for', async () => {
    await writeFile(file(), '[kernelet]\nsocket = "/near"\n');
    await mkdir(join(root(), '.config/backend.ai'), { recursive: true });
    await writeFile(join(root(), '.config/backend.ai/agent.toml'), '[kernelet]\nsocket = "/home"\n');
    const socket = async (includeWorkingDir: boolean) => (await load(null, { includeWorkingDir })).settings.socketPath;
    expect([await socket(true), await socket(false)]).toEqual(['/near', '/home']);
  });

  it('of a build root above counts below the home only', async () => {
    const deep = join(root(), 'build/a/b');
    await mkdir(deep, { recursive: true });
    await writeFile(join(root(), 'build/BUILD_ROOT'), '');
    await writeFile(join(root(), 'build/agent.toml'), '');
    const found = async (homeDir: string) =>
      (await load(null, { workingDir: deep, homeDir, includeWorkingDir: true })).settings.configFile;
    expect([await found(root()), await found(join(root(), 'elsewhere'))]).toEqual([
      join(root(), 'build/agent.toml'),
      null,
    ]);
  });

  it('named by the environment is the only one', async () => {
    await writeFile(join(root(), 'other.toml'), '[kernelet]\nsocket = "/other"\n');
    const environ = { BACKEND_CONFIG_FILE: 'other.toml' };
    await writeFile(file(), '[kernelet]\nsocket = "/near"\n');
    expect((await load(null, { environ, includeWorkingDir: true })).settings.socketPath).toBe('/other');
  });
});

it('gives commands that only talk to a daemon the same socket as the full settings do', async () => {
  const cases: readonly [string, Record<string, string>, string | undefined][] = [
    ['', {}, undefined],
    ['', { KERNELET_SOCKET: 'rel/s' }, undefined],
    ['', { KERNELET_SOCKET: '/e' }, '/f'],
    ['[kernelet]\nsocket = "x"\n', {}, undefined],
    [memberToml, {}, undefined],
    [memberToml.replace('[agent]', '[agent]\nipc_base_path = "/ipc"'), {}, undefined],
  ];
  for (const [toml, variables, flag] of cases) {
    await writeFile(file(), toml);
    const common = {
      environ: { ...variables, BACKEND_CONFIG_FILE: file() },
      workingDir: root(),
      homeDir: root(),
      uid: 1234,
    };
    const { settings } = await loadSettings({ ...common, gid: 1, flags: { socket: flag } });
    expect(await resolveSocketPath({ ...common, flag })).toBe(settings.socketPath);
  }
});
