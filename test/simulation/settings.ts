/** The settings of simulated nodes: the defaults, but for where things lie and how often figures are read. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadSettings } from '../../src/config/load.ts';
import type { Settings } from '../../src/config/settings.ts';
import { memberId } from './cluster/cluster.ts';

/** Of a node that is alone, and of a member of the cluster. */
export interface SimulatedSettings {
  readonly alone: Settings;
  readonly member: Settings;
}

const surroundings = { environ: {}, workingDir: '/', homeDir: '/', uid: 0, gid: 0 };

const memberFile = `
[etcd]
namespace = "local"
addr = { host = "10.0.0.2", port = 2379 }
[agent]
mode = "docker"
id = "${memberId}"
region = "local"
rpc-listen-addr = { host = "127.0.0.1", port = 6001 }
ipc-base-path = "/run/kernelet"
var-base-path = "/var/lib"
image-commit-path = "/var/lib/commit"
[kernelet]
metadata-server = false
[container]
port-range = [30100, 30199]
bind-host = "127.0.0.1"
scratch-type = "hostdir"
scratch-root = "/var/lib/kernelet/scratch"
`;

/** Loads them from the real machine. */
export async function simulatedSettings(): Promise<SimulatedSettings> {
  const flags = { stateDir: '/var/lib/kernelet' };
  const { settings: alone } = await loadSettings({ ...surroundings, flags, forceStandalone: true });
  const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-simulation-'));
  try {
    const configFile = path.join(folder, 'agent.toml');
    await writeFile(configFile, memberFile);
    const { settings: member } = await loadSettings({ ...surroundings, flags: { ...flags, configFile } });
    return { alone: seldomMeasured(alone), member: seldomMeasured(member) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const seldomMeasured = (settings: Settings): Settings => ({
  ...settings,
  metrics: { ...settings.metrics, periodMs: 3_600_000, adaptive: false, source: 'engine' },
});
