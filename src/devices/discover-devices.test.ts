import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadSettings } from '../config/load.ts';
import { newKernelId } from '../lib/ids.ts';
import { silentLogger } from '../lib/log.ts';
import { formatSlotAmounts, readResourceRequest } from '../resources/slot-amounts.ts';
import { discoverCores } from './basic-plugins.ts';
import { discoverDevices } from './discover-devices.ts';
import type { NodeDevices } from './node-devices.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-devices-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), text);
}

const host = async () => ({ cpus: 8, memoryBytes: 2 ** 34 });
const never = new AbortController().signal;

/** The devices of a node with this configuration. */
async function discover(toml: string, lines: string[] = []): Promise<NodeDevices> {
  await put('agent.toml', toml);
  const { settings } = await loadSettings({
    flags: { configFile: join(folder, 'agent.toml'), stateDir: join(folder, 'state') },
    environ: {},
  });
  return await discoverDevices({
    settings,
    host,
    engine: async () => null,
    agentVersion: '1.2.3',
    workingDir: join(folder, 'work'),
    homeDir: join(folder, 'home'),
    log: {
      ...silentLogger,
      error: (text) => void lines.push(text),
      warn: (text, facts) => void lines.push(`${text} ${JSON.stringify(facts)}`),
    },
  });
}

const cluster =
  '[etcd]\nnamespace = "local"\naddr = "127.0.0.1:2379"\n[agent]\nbackend = "docker"\n' +
  '[container]\nscratch-type = "hostdir"\nstats-type = "docker"\n';
const mock = `
slot_name = "cuda"
device_plugin_name = "CUDADevice"
devices = [
  { mother_uuid = "u0", model_name = "A", numa_node = 0, subproc_count = 108, memory_size = "40g", is_mig_device = false },
  { mother_uuid = "u1", model_name = "A", numa_node = 1, subproc_count = 108, memory_size = "40g", is_mig_device = false },
]
[attributes]
nvidia_driver = "550"
[formats.device]
human_readable_name = "GPU"
description = "GPU"
display_unit = "GPU"
display_icon = "gpu1"
[formats.device.number_format]
binary = false
round_length = 0
`;
const slotsOf = (devices: NodeDevices) => formatSlotAmounts(devices.available());

describe('the devices of a node', () => {
  it('that is alone are caps, offered many times over, and the words are for people', async () => {
    const devices = await discover('');
    expect(devices.use('cpu')).toEqual({ total: 128, used: 0 });
    const kernel = newKernelId();
    const placement = await devices.lease(
      kernel,
      readResourceRequest({ cpu: '8', mem: String(2 ** 30) }, devices.known),
      never,
    );
    expect(placement).toMatchObject({
      cpuset: null,
      devices: [
        ['cpu', 'any', '8'],
        ['mem', 'root', String(2 ** 30)],
      ],
    });
    expect(devices.use('cpu')).toEqual({ total: 128, used: 8 });
    const more = readResourceRequest({ cpu: '1', mem: String(2 ** 38) }, devices.known);
    await expect(devices.lease(newKernelId(), more, never)).rejects.toThrow(
      'not enough memory: 256 GiB asked for, 255 GiB free',
    );
    devices.release(kernel);
    expect(devices.use('cpu').used).toBe(0);
  });

  it('of a cluster are whole cores, of which the reserve lowers what is reported', async () => {
    const devices = await discover(
      `${cluster}[resource]\nreserved-cpu = 1\nreserved-mem = "4g"\ncpu-overcommit-factor = 2\n`,
    );
    const cores = devices.plugins.find(({ key }) => key === 'cpu')?.devices.length ?? 0;
    expect(cores).toBeGreaterThan(0);
    expect(slotsOf(devices)).toEqual({ cpu: String(2 * cores - 1), mem: String(2 ** 34 - 2 ** 32) });
    const ask = readResourceRequest({ cpu: '1', mem: '1024' }, devices.known);
    expect((await devices.lease(newKernelId(), ask, never)).cpuset).toMatch(/^\d+$/);
  });

  it('of a cluster that keeps everything back are refused', async () => {
    const reserve = `${cluster}[resource]\nreserved-mem = "16g"\n`;
    await expect(discover(reserve)).rejects.toThrow("The resource slot 'mem' is not sufficient");
  });

  it('include pretended ones that the configuration names and describes', async () => {
    const allow = '[agent]\nallow-compute-plugins = ["ai.backend.accelerator.mock"]\n';
    const options = '[kernelet.plugin-options.mock]\nallocation_mode = "fractional"\nunit_proc = 27\n';
    await put('home/.config/backend.ai/mock-accelerator.toml', mock);
    expect(slotsOf(await discover(allow))).toMatchObject({ 'cuda.device': '2' });
    const shared = await discover(allow + options);
    expect(slotsOf(shared)).toMatchObject({ 'cuda.shares': '8' });
    const ask = readResourceRequest({ cpu: '1', mem: '1024', 'cuda.shares': '0.5' }, shared.known);
    const { devices, provision } = await shared.lease(newKernelId(), ask, never);
    expect(devices[0]).toEqual(['cuda.shares', 'u1', '0.5']);
    expect(provision.environ).toContainEqual(['BACKENDAI_MOCK_CUDA_DEVICES', 'u1']);
    expect(provision.data).toContainEqual(['CUDA_GLOBAL_DEVICE_IDS', '0:u1']);
    expect(provision.attached).toMatchObject([
      ['cuda', [{ device_id: 'u1' }]],
      ['mem', [{ device_id: 'root' }]],
    ]);
    const info = (await shared.hardware(never)).get('cuda');
    expect(info).toMatchObject({ status: 'healthy', metadata: { platform: 'Backend.AI' } });
    // Nearer than the user's own file.
    await put('work/mock-accelerator.toml', mock.replace('slot_name = "cuda"', 'slot_name = "npu"'));
    expect(slotsOf(await discover(allow))).toMatchObject({ 'npu.device': '2' });
    expect(slotsOf(await discover(`${allow}block-compute-plugins = ["ai.backend"]\n`))).not.toHaveProperty(
      'npu.device',
    );
  });

  it('go on without a pretended one whose file is missing or wrong, and say so', async () => {
    const lines: string[] = [];
    const allow = '[agent]\nallow-compute-plugins = ["mock"]\n';
    expect(slotsOf(await discover(allow, lines))).toEqual({ cpu: '128', mem: String(2 ** 38) });
    await put('work/mock-accelerator.toml', 'devices = 1');
    await discover(allow, lines);
    await put('work/mock-accelerator.toml', 'devices = [');
    await discover(allow, lines);
    expect(lines).toEqual([
      expect.stringContaining('the device plugin mock is off: there is no mock-accelerator.toml in'),
      expect.stringContaining('the device plugin mock is off: mock accelerator: slot_name must be a text'),
      expect.stringMatching(/the device plugin mock is off: .*mock-accelerator.toml:1:/),
    ]);
  });

  it('that are named and not here are told', async () => {
    const lines: string[] = [];
    await discover(
      '[agent]\nallow-compute-plugins = ["ai.backend.accelerator", "ai.backend.accelerator.tpu"]\n',
      lines,
    );
    expect(lines).toContainEqual(
      'allow-compute-plugins names plugins that are not here {"plugins":["ai.backend.accelerator.tpu"]}',
    );
  });

  it('cannot be both let in and kept out', async () => {
    const both = '[agent]\nallow-compute-plugins = ["cuda", "mock"]\nblock-compute-plugins = ["mock"]\n';
    await expect(discover(both)).rejects.toThrow('is in allow-compute-plugins too');
  });
});

describe('the cores of a node', () => {
  it.each([
    [{ version: 2, parent: 'system.slice' }, 'cgroup2 /sys/fs/cgroup cgroup2 rw', 'system.slice/cpuset.cpus.effective'],
    [{ version: 2, parent: 'docker' }, 'cgroup2 /sys/fs/cgroup cgroup2 rw', 'docker/cpuset.cpus.effective'],
    [{ version: 1, parent: 'docker' }, 'c /sys/fs/cgroup cgroup rw,cpuset', 'docker/cpuset.effective_cpus'],
    [{ version: 1, parent: 'system.slice' }, 'c /sys/fs/cgroup cgroup rw,cpuset', 'system.slice/cpuset.effective_cpus'],
  ] as const)('are those of the cgroup of containers: %j', async (cgroups, mount, file) => {
    await put('proc/mounts', `proc /proc proc rw 0 0\n${mount} 0 0\n`);
    await put(`sys/fs/cgroup/${file}`, '2-3,5\n');
    await put('sys/devices/system/cpu/cpu5/node1/cpulist', '5\n');
    const cores = [2, 3, 5].map((core) => ({ core, numaNode: core === 5 ? 1 : 0 }));
    expect(await discoverCores(cgroups, 8, folder)).toEqual(cores);
    expect(await discoverCores(cgroups, 2.5, folder)).toEqual(cores.slice(0, 2));
    await put(`sys/fs/cgroup/${file}`, '\n');
    await put('proc/self/status', 'Name:\tnode\nCpus_allowed_list:\t1,4\n');
    expect((await discoverCores(cgroups, 8, folder)).map(({ core }) => core)).toEqual([1, 4]);
    expect((await discoverCores(null, 0.3, folder)).map(({ core }) => core)).toEqual([1]);
  });
});
