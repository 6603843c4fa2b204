/** Devices of real kernels: pretended GPUs and a third party's plugin through the whole program, pinned cores and shared memory. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cpuPlugin, discoverCores, memPlugin } from '../../src/devices/basic-plugins.ts';
import type { DockerEngine } from '../../src/engine/docker/docker-engine.ts';
import { machinePacketFilter } from '../../src/network/firewall/packet-filter.ts';
import { connectTestEngine, kernelImage, within } from '../support/engine.ts';
import { engineCall } from '../support/engine-api.ts';
import { specFixture } from '../support/kernel-record.ts';
import { KernelsFixture, testSettings } from '../support/kernels-fixture.ts';
import { callApi } from '../support/local-api.ts';
import { nodeDevices } from '../support/node-devices.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';

const run = promisify(execFile);
const configuration = `[agent]
allow-compute-plugins = ["ai.backend.accelerator.mock", "NPU"]
[kernelet]
device-plugins = ["NPU"]
[kernelet.plugin-options.mock]
allocation_mode = "fractional"
`;
const gpu = (uuid: string, node: number) =>
  `{ mother_uuid = "${uuid}", model_name = "A", numa_node = ${node}, subproc_count = 8, memory_size = "2g", is_mig_device = false }`;
const mock = `slot_name = "cuda"
device_plugin_name = "CUDADevice"
devices = [${gpu('gpu-a', 0)}, ${gpu('gpu-b', 1)}]
[attributes]
[formats]
`;
const plugin = `
export const discover = () => ({ key: 'npu', version: '7', slotTypes: [['npu.device', 'count']],
  devices: [{ id: '0', slot: 'npu.device', modelName: 'N' }] });
export const answer = ({ devices }) => ({ environ: ['NPU_IDS=' + devices.map((one) => one.device)], nodes: ['/dev/full'],
  data: [['NPU_DEVICE_IDS', '0:0']], hooks: ['FOLDER/libnpu.so'], mounts: [{ source: 'FOLDER/share', target: '/npu' }] });
export const measure = ({ kernels }) => [{ key: 'npu_util', unit: 'percent', devices: { '0': { value: 40, capacity: 100 } } }];
export const hardware = () => { throw new Error('no sensor'); };
`;

/** The source of a library that does nothing. */
async function hookSource(folder: string): Promise<string> {
  const file = join(folder, 'hook.c');
  await writeFile(file, 'int kernelet_npu = 1;\n');
  return file;
}

describe('devices of a node that is alone', () => {
  let node: NodeUnderTest;
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kernelet-npu-'));
    const file = join(folder, 'npu.mjs');
    await writeFile(file, plugin.replaceAll('FOLDER', folder));
    await mkdir(join(folder, 'share'));
    await writeFile(join(folder, 'share/model'), 'ACME');
    await run('gcc', ['-shared', '-fPIC', '-o', join(folder, 'libnpu.so'), await hookSource(folder)]);
    node = await NodeUnderTest.make({
      configuration: configuration.replaceAll('NPU', file),
    });
    await writeFile(join(node.folder, 'mock-accelerator.toml'), mock);
    await node.startDaemon();
    return async () => await rm(folder, { recursive: true, force: true });
  });
  afterAll(() => node[Symbol.asyncDispose]());

  const used = async (): Promise<Readonly<Record<string, string>>> => {
    const { document } = await callApi(node.socket, 'GET', '/v1/resources');
    const { slots } = document as { slots: { slot: string; used: string }[] };
    return Object.fromEntries(slots.map(({ slot, used: amount }) => [slot, amount]));
  };
  const create = (...accelerators: string[]) =>
    node.run([
      'create',
      '--lang',
      'shell',
      '--network',
      'none',
      '--cpus',
      '0.5',
      '--mem',
      '128m',
      ...accelerators.flatMap((one) => ['--accelerator', one]),
    ]);

  it('reach the kernel, and stay its own over restarts of it and kill -9 of the daemon', async () => {
    const { text, stderr } = await create('cuda.shares=0.5', 'npu.device=1');
    const id = text.trim();
    expect(stderr).toBe('');
    const seen = async () =>
      (
        await node.run([
          'exec',
          id,
          '--',
          'sh',
          '-c',
          'echo $NPU_IDS $BACKENDAI_MOCK_CUDA_DEVICES; cat /home/config/resource.txt',
        ])
      ).text;
    const before = await seen();
    expect(before).toMatch(/^0 gpu-[ab]\n/);
    expect(before).toContain('SLOTS={"cuda.shares": "0.5", "npu.device": "1", "cpu": "0.5", "mem": "134217728"}\n');
    expect(before).toMatch(/\nCUDA\.SHARES_SHARES=gpu-[ab]:0\.5\n/);
    expect(before).toContain('NPU.DEVICE_SHARES=0:1\n');
    expect(before).toContain('CPU_SHARES=any:0.5\nMEM_SHARES=root:128m\n');
    expect(before).toContain('NPU_DEVICE_IDS=0:0\n');
    expect(before).toMatch(/^CUDA_MEMORY_LIMITS=gpu-[ab]:1073741824$/m);
    expect((await node.run(['inspect', id])).text).toMatch(
      /devices: +0\.5 cuda\.shares of gpu-[ab], 1 npu\.device of 0/,
    );
    const taken = { 'cuda.shares': '0.5', 'npu.device': '1', cpu: '0.5', mem: '134217728' };
    expect(await used()).toEqual(taken);
    await node.run(['restart', id]);
    expect((await seen()).replace(/^CID=.*$/m, '')).toBe(before.replace(/^CID=.*$/m, ''));
    await node.endDaemon('SIGKILL');
    await node.startDaemon();
    expect(await used()).toEqual(taken);
    const container = /^CID=([0-9a-f]{64})$/m.exec(await seen())?.[1] ?? '';
    const { HostConfig, Config } = JSON.parse((await engineCall('GET', `/containers/${container}/json`)).text);
    expect(HostConfig.Devices).toMatchObject([{ PathOnHost: '/dev/full' }]);
    expect(JSON.parse(Config.Labels['ai.kernelet.devices'])).toContainEqual(['npu.device', '0', '1']);
    const second = await create('npu.device=1');
    expect([second.status, second.stderr]).toEqual([
      125,
      expect.stringContaining('not enough npu.device: 1 asked for, 0 free'),
    ]);
    expect((await create('cuda.shares=1.5')).status).toBe(0);
    expect((await create('cuda.shares=0.1')).stderr).toContain('not enough cuda.shares: 0.1 asked for, 0 free');
    await node.run(['rm', id]);
    expect(await used()).toEqual({ 'cuda.shares': '1.5', 'npu.device': '0', cpu: '0.5', mem: '134217728' });
    const status = JSON.parse((await callApi(node.socket, 'GET', '/v1/status')).text);
    expect(status.invariantViolations).toMatchObject({ 'absent-release': 0 });
  });

  it('bring libraries that programs load, files that they can read only, and figures', async () => {
    const id = (await create('npu.device=1', 'cuda.shares=0.5')).text.trim();
    const shell = async (script: string) => await node.run(['exec', id, '--', 'sh', '-c', script]);
    expect((await shell('echo $LD_PRELOAD; cat /npu/model; echo x > /npu/model')).text).toBe(
      '/opt/kernel/libnpu.so\nACME',
    );
    expect((await shell('grep -c libnpu.so /proc/self/maps')).text).not.toBe('0\n');
    const container = JSON.parse((await node.run(['inspect', id, '--json'])).text).containerId;
    const { Config, HostConfig } = JSON.parse((await engineCall('GET', `/containers/${container}/json`)).text);
    expect(JSON.stringify(Config.Env)).not.toContain('LD_PRELOAD');
    expect(JSON.stringify(HostConfig.Mounts)).toContain('"Target":"/npu"');
    const figures = async () => {
      const { document } = await callApi(node.socket, 'GET', '/v1/stats');
      return (document as { stats: { id: string; devices: object[] }[] }).stats.find((one) => one.id === id)?.devices;
    };
    await expect.poll(async () => (await figures())?.length, { timeout: 30_000 }).toBe(3);
    expect(await figures()).toEqual([
      { measure: 'cuda_mem', unit: 'bytes', value: expect.any(Number), capacity: 2 ** 30 },
      { measure: 'cuda_util', unit: 'percent', value: expect.any(Number), capacity: 100 },
      { measure: 'npu_util', unit: 'percent', value: 40, capacity: 100 },
    ]);
    const metrics = (await callApi(node.socket, 'GET', '/metrics')).text;
    expect(metrics).toContain('kernelet_device_usage{measure="npu_util",unit="percent",device="0"} 40\n');
    expect(metrics).toMatch(
      /kernelet_kernel_device_usage\{kernel_id="[^"]+",session_id="[^"]+",measure="npu_util",unit="percent"\} 40\n/,
    );
    expect((await node.run(['stats'])).text).toMatch(/CUDA_MEM +CUDA_UTIL +NPU_UTIL\n/);
    const { document } = await callApi(node.socket, 'GET', `/v1/kernels/${id}/metrics`);
    const utilization = { measure: 'cuda_util', unit: 'percent', value: expect.any(Number), capacity: 100 };
    expect(document).toMatchObject({ kernel: { devices: expect.arrayContaining([utilization]) } });
    expect((await callApi(node.socket, 'GET', '/v1/stats/node')).document).toMatchObject({
      devices: expect.arrayContaining([
        { measure: 'npu_util', unit: 'percent', device: '0', value: 40, capacity: 100 },
      ]),
    });
    await node.run(['rm', id]);
  });

  it('that vanish stay their kernel’s, are told as lost, and as back', async () => {
    const id = (await create('cuda.shares=0.5')).text.trim();
    const held = async () => (await node.run(['inspect', id])).text;
    const [, device] = /0\.5 cuda\.shares of (gpu-[ab])/.exec(await held()) ?? [];
    const file = join(node.folder, 'mock-accelerator.toml');
    await writeFile(file, mock.replaceAll(device ?? '', 'gpu-c'));
    await expect.poll(held, { timeout: 60_000, interval: 1_000 }).toContain(`0.5 cuda.shares of ${device} (lost)`);
    expect(await used()).toMatchObject({ 'cuda.shares': '1' });
    await writeFile(file, mock);
    await expect.poll(held, { timeout: 60_000, interval: 1_000 }).not.toContain('(lost)');
    expect(await used()).toMatchObject({ 'cuda.shares': '2' });
    const events = (await node.run(['events', '--json'])).text;
    for (const kind of ['lost', 'back']) expect(events).toContain(`"type":"device-difference","kind":"${kind}"`);
    await node.run(['rm', id]);
  }, 150_000);

  it('are told with their plugins and hardware', async () => {
    const { document } = await callApi(node.socket, 'GET', '/v1/resources');
    expect(document).toMatchObject({
      plugins: { npu: { version: '7' }, cuda: { cuda_support: true } },
      hardware: {
        npu: { status: 'unavailable', status_info: expect.stringContaining('says: no sensor') },
        cuda: { status: 'healthy', metadata: { serial_number: 'N/A' } },
      },
    });
  });

  it.each([
    ['npu.none=1', 2, 'this node has no accelerator npu.none; it has cuda.shares, npu.device'],
    ['npu.device=0.5', 2, 'The slot npu.device can be had in whole units only, not 0.5'],
    ['cuda.shares=0.01', 2, '0.01 of the slot cuda.shares is less than the smallest share'],
    ['cuda.shares=99', 125, 'not enough cuda.shares: 99 asked for'],
    ['cuda.shares=-1', 2, 'is not SLOT=AMOUNT'],
    ['cpu=1', 2, 'is not SLOT=AMOUNT'],
    ['cuda.shares=NaN', 2, 'is not SLOT=AMOUNT'],
  ])('are refused in a sentence: --accelerator %s', async (accelerator, status, problem) => {
    const outcome = await create(accelerator);
    expect([outcome.status, outcome.stderr]).toEqual([status, expect.stringContaining(problem)]);
  });
});

describe('devices of a node of a cluster', () => {
  let engine: DockerEngine;
  let volume: string;
  beforeAll(async () => {
    engine = await connectTestEngine();
    volume = await mkdtemp(join(tmpdir(), 'kernelet-volume-'));
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await rm(volume, { recursive: true, force: true });
  });

  it('are cores that the container is pinned to, and memory of which shared memory is a part', async () => {
    const { cgroupParent: parent, cgroupVersion: version } = await engine.info(within(10_000));
    const cores = await discoverCores({ parent, version }, 64);
    const cpu = cpuPlugin({ cores, overcommit: 1, agentVersion: '1', machine: 'x86_64', system: 'Linux' });
    const devices = nodeDevices([cpu, memPlugin(2 ** 33)]);
    const entrypoint = ['/bin/sleep', '600'];
    const container = { ...testSettings.container, volume: { hostPath: async () => volume, entrypoint }, init: true };
    const one = await KernelsFixture.open({
      engine,
      devices,
      settings: { container },
      parts: { packetFilter: machinePacketFilter },
    });
    try {
      const image = await kernelImage(engine);
      const limits = { ...specFixture().limits, sharedMemoryBytes: 64 * 2 ** 20 };
      const specs = cores.slice(0, 2).map(() => specFixture({ image, limits }));
      for (const spec of specs) {
        const record = await one.kernels.registry.create(spec, within(60_000));
        const { HostConfig } = JSON.parse((await engineCall('GET', `/containers/${record.containerId}/json`)).text);
        const core = String(cores[specs.indexOf(spec)]?.core);
        expect(HostConfig).toMatchObject({
          CpusetCpus: core,
          Memory: 192 * 2 ** 20,
          MemorySwap: 192 * 2 ** 20,
          ShmSize: 64 * 2 ** 20,
        });
        const { stdout } = await engine.exec(
          record.containerId ?? ('' as never),
          ['grep', 'Cpus_allowed_list', '/proc/self/status'],
          {},
          within(20_000),
        );
        expect(Buffer.from(stdout).toString()).toMatch(new RegExp(`:\\s+${core}\\n$`));
        const file = join(one.folder, 'scratch', spec.id, 'config/resource.txt');
        expect(await readFile(file, 'utf8')).toContain(`CPU_SHARES=${core}:1\nMEM_SHARES=root:256m\n`);
      }
      await one.kernels.registry.auditDevices(within(20_000));
      expect(one.invariantViolations.snapshot()).toEqual({});
      const more = specFixture({ image, limits: { ...limits, cpus: cores.length } });
      await expect(one.kernels.registry.create(more, within(60_000))).rejects.toThrow(
        `not enough CPUs: ${cores.length} asked for, ${cores.length - specs.length} free`,
      );
      for (const spec of specs) await one.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: true });
      expect(await one.leftovers()).toEqual([]);
    } finally {
      await one[Symbol.asyncDispose]();
      await one.remove();
    }
  });
});
