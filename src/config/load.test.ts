import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LoadOptions, loadSettings } from './load.ts';
import { resolveSocketPath } from './paths.ts';
import { ConfigError } from './problems.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kernelet-config-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const file = (): string => join(root, 'agent.toml');

/** Loads `toml` as the file, for a user 1234 with a home of its own. */
async function load(toml: string | null, options: LoadOptions = {}) {
  if (toml !== null) await writeFile(file(), toml);
  const flags = { ...(toml === null ? {} : { configFile: file() }), ...options.flags };
  return await loadSettings({ environ: {}, workingDir: root, homeDir: root, uid: 1234, gid: 5678, ...options, flags });
}

async function problemsOf(toml: string, options: LoadOptions = {}): Promise<readonly string[]> {
  const error = await load(toml, options).then(
    () => new Error('it was accepted'),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ConfigError)) throw error;
  return error.problems.map((problem) => `${problem.place.replace(`${root}/`, '')} ${problem.key} ${problem.value}`);
}

const cluster = '[etcd]\nnamespace = "local"\n[agent]\nbackend = "docker"\n[container]\nscratch-type = "hostdir"\n';

describe('one key under two spellings', () => {
  it('is warned about, with both places and which counts', async () => {
    const { settings, warnings } = await load('[kernelet]\ndefault-cpus = 2\ndefault_cpus = 3\n');
    expect(settings.defaults.cpus).toBe(3);
    expect(warnings).toEqual([`${file()}:3: kernelet.default-cpus is set already, at ${file()}:2; this one counts`]);
  });
});

describe('where a value comes from', () => {
  it('is its default when there is no file: none is needed', async () => {
    const { settings, sources, warnings } = await load(null);
    expect(settings).toMatchObject({
      mode: 'standalone',
      configFile: null,
      stateDir: join(root, '.local/state/kernelet'),
      socketPath: join(root, '.local/state/kernelet/kernelet.sock'),
      defaults: { cpus: 1, memoryBytes: 2 ** 30, processes: 512, network: 'bridge', imagePull: 'missing' },
      container: { kernelUser: { uid: 1234, gid: 5678 }, portRange: { first: 30_000, last: 31_000 } },
      readyTimeoutMs: 60_000,
      etcd: null,
    });
    expect(new Set(sources.values())).toEqual(new Set(['default']));
    expect(warnings).toEqual([]);
  });

  it('lets the file win over defaults, the environment over the file, flags over all', async () => {
    const toml = '[kernelet]\nstate-dir = "/a"\nsocket = "/a/s"\ndefault-cpus = 2\nready-timeout = "5s"\n';
    const environ = { KERNELET_STATE_DIR: '/b', KERNELET_SOCKET: '/b/s', BACKEND_CONTAINER_PORT_RANGE: '100-200' };
    const { settings, sources } = await load(toml, { environ, flags: { socket: 'c/s' } });
    expect(settings).toMatchObject({
      stateDir: '/b',
      socketPath: join(root, 'c/s'),
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

describe('cluster mode', () => {
  it('is chosen by [etcd] and has its own paths of state and socket', async () => {
    const { settings } = await load(
      `${cluster}\n[agent2]\n`.replace('[agent]', '[agent]\nipc-base-path = "/ipc"\nvar-base-path = "/var/b"'),
    );
    expect(settings).toMatchObject({
      mode: 'cluster',
      stateDir: '/var/b/kernelet',
      socketPath: '/ipc/kernelet.sock',
      etcd: { namespace: 'local', addresses: [{ host: '127.0.0.1', port: 2379 }], user: '', password: '' },
      container: { scratchRoot: join(root, 'scratches') },
    });
  });

  it('refuses an address of the node that managers cannot reach, and only there', async () => {
    const listening = cluster.replace('[container]', 'rpc-listen-addr = "0.0.0.0:6001"\n[container]');
    expect(await problemsOf(listening)).toEqual(['agent.toml:5 agent.rpc-listen-addr "0.0.0.0:6001"']);
    const advertising = listening.replace('[container]', 'advertised-rpc-addr = "[::]:1"\n[container]');
    expect(await problemsOf(advertising)).toEqual(['agent.toml:6 agent.advertised-rpc-addr "[::]:1"']);
    const reachable = await load(advertising.replace('[::]', 'node5'));
    expect(reachable.settings.agent.advertisedRpcAddress).toEqual({ host: 'node5', port: 1 });
    expect((await load(listening, { forceStandalone: true })).settings.mode).toBe('standalone');
  });

  it('requires what upstream requires, and only there', async () => {
    expect(await problemsOf('[etcd]\n')).toEqual([
      'agent.toml container.scratch-type null',
      'agent.toml agent.backend null',
      'agent.toml etcd.namespace null',
    ]);
    expect((await load('[agent]\n[container]\n')).settings.mode).toBe('standalone');
    expect((await load('[etcd]\n', { forceStandalone: true })).settings.mode).toBe('standalone');
  });

  it.each(['docker', 'cgroup'])('reads figures of containers directly, stats-type being %s', async (type) => {
    const toml = `${cluster}stats-type = "${type}"\n`;
    expect((await load(toml)).settings.metrics.source).toBe('direct');
    expect((await load(`${toml}[metrics]\nsource = "engine"\n`)).settings.metrics.source).toBe('engine');
  });

  it('takes several servers of etcd, and certificates for TLS', async () => {
    const tls = 'ssl-enabled = true\nssl-ca-cert = "ca.pem"\n';
    const addr = 'addr = ["a:2379", "[::1]:2380"]\n';
    const { settings } = await load(cluster.replace('[agent]', `${addr}${tls}[agent]`));
    expect(settings.etcd).toMatchObject({
      addresses: [
        { host: 'a', port: 2379 },
        { host: '::1', port: 2380 },
      ],
      tls: { enabled: true, authorityFile: join(root, 'ca.pem'), certificateFile: null, keyFile: null },
    });
    const given = await load(cluster, { environ: { BACKEND_ETCD_ADDR: 'b:1, c:2' } });
    expect(given.settings.etcd?.addresses.map(({ host }) => host)).toEqual(['b', 'c']);
    const pair = await load(cluster.replace('[agent]', 'addr = ["host", 2379]\n[agent]'));
    expect(pair.settings.etcd?.addresses).toEqual([{ host: 'host', port: 2379 }]);
    expect(await problemsOf(cluster.replace('[agent]', 'addr = []\n[agent]'))).toEqual(['agent.toml:3 etcd.addr []']);
  });

  it('runs scripts of images as root, which nobody has alone, unless the operator says so', async () => {
    const said = async (toml: string) => (await load(toml)).settings.imageBootstrap;
    expect(await said('')).toBe('never');
    expect(await said('[kernelet]\nimage-bootstrap = "root"\n')).toBe('root');
    expect(await said(cluster)).toBe('root');
    expect(await said(`${cluster}[kernelet]\nimage-bootstrap = "never"\n`)).toBe('never');
    expect(await problemsOf('[kernelet]\nimage-bootstrap = "tenant"\n')).toEqual([
      'agent.toml:2 kernelet.image-bootstrap "tenant"',
    ]);
  });

  it('lets the cluster win over the file, and only in cluster mode', async () => {
    const overrides = { agent: { 'kernel-creation-concurrency': '8' }, container: { 'kernel-uid': '1100' } };
    const file = cluster.replace('[container]', 'kernel-creation-concurrency = 2\n[container]\nkernel-uid = 1000');
    const { settings, sources } = await load(file, { cluster: overrides });
    expect(settings.agent.kernelCreationConcurrency).toBe(8);
    expect(settings.container.kernelUser.uid).toBe(1100);
    expect(sources.get('container.kernel-uid')).toBe('cluster');
    const wrong = await load(file, { cluster: { container: { 'kernel-uid': 'nobody-knows' } } });
    expect(wrong.settings.container.kernelUser.uid).toBe(1000);
    const alone = await load(file, { cluster: overrides, forceStandalone: true });
    expect(alone.settings.container.kernelUser.uid).toBe(1000);
  });

  it('says that variables for etcd alone choose nothing', async () => {
    const { settings, warnings } = await load(null, { environ: { BACKEND_NAMESPACE: 'x' } });
    expect(settings.mode).toBe('standalone');
    expect(warnings[0]).toContain('environment variable BACKEND_NAMESPACE: without effect');
  });
});

describe('problems of a configuration', () => {
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
      `configuration file = ${root}/none.toml is not a file`,
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
    await expect(load(`${cluster.replace('[agent]', 'password = ["hunter2"]\n[agent]')}`)).rejects.not.toThrow(
      'hunter2',
    );
    const { values } = await load(cluster.replace('[agent]', 'password = "hunter2"\n[agent]'));
    expect(values.get('etcd.password')).toBe('[secret]');
  });
});

describe('names of keys', () => {
  it('warns once about unknown ones, with the nearest known key', async () => {
    const toml = '[kernelet]\ndefault-cpu = 1\nreserved-mem = 1\n[contianer]\nx = 1\n[agent]\nzzzzzzzz = 1\n';
    expect((await load(toml)).warnings).toEqual([
      `${file()}: unknown keys, ignored: kernelet.default-cpu (did you mean "kernelet.default-cpus"?), ` +
        'kernelet.reserved-mem (did you mean "resource.reserved-mem"?), contianer (did you mean "container"?), agent.zzzzzzzz',
    ]);
  });

  it('takes aliases, snake case, and the keys of later releases', async () => {
    const toml =
      '[agent]\nmode = "dummy"\ninitial-resource-group-name = "g"\n[container]\nport_range = [1, 2]\n[otel]\nenabled = true\n';
    const { settings, warnings } = await load(toml);
    expect([settings.agent.backend, settings.agent.scalingGroup, settings.container.portRange]).toEqual([
      'dummy',
      'g',
      { first: 1, last: 2 },
    ]);
    expect(warnings.join()).not.toContain('unknown');
  });

  it('lets a key win over its alias, and a deprecated name over its key', async () => {
    for (const lines of ['backend = "docker"\nmode = "dummy"', 'mode = "dummy"\nbackend = "docker"']) {
      expect((await load(`[agent]\n${lines}\n`)).settings.agent.backend).toBe('docker');
    }
    for (const lines of ['kernel-host = "a"\nbind-host = "b"', 'bind-host = "b"\nkernel-host = "a"']) {
      const { settings, warnings } = await load(`[container]\n${lines}\n`);
      expect(settings.container.bindHost).toBe('a');
      expect(warnings[0]).toContain('container.kernel-host is deprecated');
    }
  });

  it('offers the names of keys without effect too, when one is misspelt', async () => {
    expect((await load('[agent]\nevent-lop = "uvloop"\n')).warnings).toEqual([
      `${file()}: unknown key, ignored: agent.event-lop (did you mean "agent.event-loop"?)`,
    ]);
  });
});

describe('keys without effect', () => {
  it('are accepted whatever they hold, with one warning each that says what holds instead', async () => {
    const toml =
      '[agent]\nevent-loop = 5\nmetadata_server_port = "x"\n[container]\njail-args = ["a"]\n' +
      '[logging]\ndrivers = ["console", "file"]\n[logging.file]\npath = 1\nfilename = "a.log"\n[debug.coredump]\nenabled = true\n';
    const { warnings } = await load(toml);
    expect(warnings.map((warning) => warning.replace(/^.*agent\.toml/, '').replace(/(effect\.).*/s, '$1'))).toEqual([
      ':2: agent.event-loop has no effect.',
      ':3: agent.metadata-server-port has no effect.',
      ':5: container.jail-args has no effect.',
      ':7: logging.drivers has no effect.',
      ':8: logging.file has no effect.',
      ':11: debug.coredump has no effect.',
    ]);
    expect(warnings[3]).toMatch(/kernelet logs to standard error alone.*no log file is written/);
  });

  it('are no reason for a warning when they ask for what kernelet does', async () => {
    const toml =
      '[logging]\ndrivers = ["console"]\n[container]\nsandbox-type = "docker"\nswarm-enabled = false\njail-args = []\n[debug]\nlog-stats = false\n';
    expect((await load(toml)).warnings).toEqual([]);
  });

  it('are warned of when a variable of the environment sets them', async () => {
    const { warnings } = await load(null, { environ: { BACKEND_LOG_FILE: '/a.log', BACKEND_SANDBOX_TYPE: 'docker' } });
    expect(warnings).toEqual([
      expect.stringMatching(/^environment variable BACKEND_LOG_FILE: logging\.file has no effect\./),
    ]);
  });

  it.each(['memory', 'k8s-nfs'])('warns of scratch-type %s, alone and in a cluster', async (type) => {
    const warning = `container.scratch-type = "${type}" is not served: scratch folders are kept as with hostdir`;
    for (const toml of [cluster, '[container]\nscratch-type = "hostdir"\n']) {
      expect((await load(toml)).warnings).toEqual([]);
      expect((await load(toml.replace('hostdir', type))).warnings).toEqual([expect.stringContaining(warning)]);
    }
  });
});

describe('scratch-type hostfile', () => {
  const toml = '[container]\nscratch-type = "hostfile"\nscratch-size = "64m"\n';
  const root = { uid: 0, gid: 0 };

  it('limits homes to scratch-size, which is a bound of over-use alone otherwise', async () => {
    expect(await load(toml, root)).toMatchObject({ warnings: [], settings: { defaults: { homeBytes: 64 * 2 ** 20 } } });
    const folder = await load(toml.replace('hostfile', 'hostdir'), root);
    expect(folder.settings.defaults.homeBytes).toBeNull();
  });

  it('is refused without a size, with one that is too small, and for an agent that is not root', async () => {
    await expect(load('[container]\nscratch-type = "hostfile"\n', root)).rejects.toThrow(/scratch-size.*16m at least/s);
    await expect(load(toml.replace('64m', '1m'), root)).rejects.toThrow(/scratch-size.*16m at least/s);
    await expect(load(toml, { uid: 1000, gid: 1000 })).rejects.toThrow(/scratch-type.*root/s);
  });
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
  expect(await users(cluster)).toBeNull();
  await expect(users('[kernelet]\nkernel-uid-range = [0, 9]\n')).rejects.toThrow(/is not a range of users/);
});

describe('the configuration file', () => {
  it('in the working directory counts only when asked for', async () => {
    await writeFile(file(), '[kernelet]\nsocket = "/near"\n');
    await mkdir(join(root, '.config/backend.ai'), { recursive: true });
    await writeFile(join(root, '.config/backend.ai/agent.toml'), '[kernelet]\nsocket = "/home"\n');
    const socket = async (includeWorkingDir: boolean) => (await load(null, { includeWorkingDir })).settings.socketPath;
    expect([await socket(true), await socket(false)]).toEqual(['/near', '/home']);
  });

  it('of a build root above counts below the home only', async () => {
    const deep = join(root, 'build/a/b');
    await mkdir(deep, { recursive: true });
    await writeFile(join(root, 'build/BUILD_ROOT'), '');
    await writeFile(join(root, 'build/agent.toml'), '');
    const found = async (homeDir: string) =>
      (await load(null, { workingDir: deep, homeDir, includeWorkingDir: true })).settings.configFile;
    expect([await found(root), await found(join(root, 'elsewhere'))]).toEqual([join(root, 'build/agent.toml'), null]);
  });

  it('named by the environment is the only one', async () => {
    await writeFile(join(root, 'other.toml'), '[kernelet]\nsocket = "/other"\n');
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
    [cluster, {}, undefined],
    [cluster.replace('[agent]', '[agent]\nipc_base_path = "/ipc"'), {}, undefined],
  ];
  for (const [toml, variables, flag] of cases) {
    await writeFile(file(), toml);
    const common = {
      environ: { ...variables, BACKEND_CONFIG_FILE: file() },
      workingDir: root,
      homeDir: root,
      uid: 1234,
    };
    const { settings } = await loadSettings({ ...common, gid: 1, flags: { socket: flag } });
    expect(await resolveSocketPath({ ...common, flag })).toBe(settings.socketPath);
  }
});
