/** What a tenant finds in a kernel's container: looked at from inside, as root and as the kernel's user. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DockerEngine } from '../../src/engine/docker/docker-engine.ts';
import { defaultHardening } from '../../src/kernel/container/container-spec.ts';
import type { KernelRecord } from '../../src/kernel/record.ts';
import type { KernelMount } from '../../src/kernel/spec.ts';
import { asContainerId } from '../../src/lib/ids.ts';
import { connectTestEngine, EngineLedger, kernelImage, within } from '../support/engine.ts';
import { engineCall } from '../support/engine-api.ts';
import { specFixture } from '../support/kernel-record.ts';
import { KernelsFixture, testSettings } from '../support/kernels-fixture.ts';

let engine: DockerEngine;
let volume: string;
let one: KernelsFixture;
let record: KernelRecord;

beforeAll(async () => {
  engine = await connectTestEngine();
  volume = await mkdtemp(join(tmpdir(), 'kernelet-volume-'));
  await writeFile(join(volume, 'file'), 'x');
  const container = {
    ...testSettings.container,
    volume: { hostPath: async () => volume, entrypoint: ['/bin/sleep', '600'] },
  };
  one = await KernelsFixture.open({ engine, settings: { container } });
  const image = await kernelImage(engine);
  const spec = specFixture({ image, environ: [['LD_PRELOAD', '/home/work/evil.so']] });
  record = await one.kernels.registry.create(spec, within(60_000));
});
afterAll(async () => {
  await one.kernels.registry.destroy(record.spec.id, { reason: 'user-requested', force: true });
  await one[Symbol.asyncDispose]();
  await one.remove();
  await rm(volume, { recursive: true, force: true });
  await engine[Symbol.asyncDispose]();
});

/** Runs a shell line in the container; gives status and everything printed. */
async function inside(line: string, user?: string): Promise<string> {
  const id = asContainerId(record.containerId ?? '');
  const options = user === undefined ? {} : { user };
  const { exitCode, stdout, stderr } = await engine.exec(id, ['sh', '-c', line], options, within(20_000));
  const text = new TextDecoder();
  return `${exitCode}: ${text.decode(stdout)}${text.decode(stderr)}`.trim();
}

describe('a kernel’s container', () => {
  // @promise no-root
  it('has three capabilities as root, none as the tenant, and can gain none', async () => {
    const bits = (1 << 5) | (1 << 6) | (1 << 7);
    const mask = bits.toString(16).padStart(16, '0');
    expect(await inside('grep -E "Cap(Eff|Prm|Bnd)|NoNewPrivs|Seccomp:" /proc/1/status')).toMatch(
      new RegExp(`CapPrm:\\s+${mask}\\nCapEff:\\s+${mask}\\nCapBnd:\\s+${mask}\\nNoNewPrivs:\\s+1\\nSeccomp:\\s+2`),
    );
    expect(await inside('grep -E "CapEff|CapPrm" /proc/self/status', '1000:1000')).toMatch(
      /CapPrm:\s+0+\nCapEff:\s+0+$/,
    );
  });

  it.each([
    ['/opt/x', 'touch /opt/x'],
    ['/opt/kernel/x', 'touch /opt/kernel/x'],
    ['the volume', 'touch /opt/backend.ai/x'],
    ['the volume’s files', 'echo y > /opt/backend.ai/file'],
    ['the run folder', 'touch /opt/kernel/run/x'],
    ['its own configuration', 'touch /home/config/x'],
  ])('lets the tenant not write %s', async (_, line) => {
    expect(await inside(line, '1000:1000')).toMatch(/^[12]: .*(denied|Read-only)/s);
  });

  // @promise runner-secret
  it('lets the tenant not read the runner’s secret, nor list its folder', async () => {
    expect(await inside('cat /opt/kernel/run/runner.json', '1000:1000')).toContain('denied');
    expect(await inside('ls /opt/kernel/run', '1000:1000')).toContain('denied');
    expect(await inside('cat /opt/kernel/run/runner.json')).toContain('"secret"');
  });

  it('gives the tenant its home', async () => {
    expect(await inside('touch /home/work/x && stat -c "%u %g" /home/work', '1000:1000')).toBe('0: 1000 1000');
  });

  it('has nothing of the tenant’s variables in its environment', async () => {
    expect(await inside("tr '\\0' '\\n' < /proc/1/environ")).not.toContain('LD_PRELOAD');
  });

  it('shows nothing of the machine’s hardware, keys and timers, and nothing of its groups of processes', async () => {
    const paths = ['acpi', 'asound', 'interrupts', 'kcore', 'keys', 'latency_stats', 'sched_debug', 'scsi'];
    const hidden = [...paths, 'timer_list', 'timer_stats'].map((name) => `/proc/${name}`);
    const folders = ['/sys/firmware', '/sys/devices/virtual/powercap'];
    const line = `for f in ${[...hidden, ...folders].join(' ')}; do
[ -e $f ] || continue; [ -d $f ] && ls -A $f || head -c 99 $f; done`;
    for (const user of ['0:0', '1000:1000']) expect(await inside(line, user)).toMatch(/^[01]:$/);
    expect(await inside('cut -d: -f3 /proc/self/cgroup | sort -u', '1000:1000')).toBe('0: /');
    expect(await inside("awk '/ - cgroup2? / {print $4}' /proc/self/mountinfo | sort -u", '1000:1000')).toBe('0: /');
    const readOnly = `for f in bus fs irq sys sysrq-trigger; do
[ -e /proc/$f ] && ! awk '$5 == "/proc/'$f'" && $6 ~ "^ro" {found = 1} END {exit !found}' /proc/self/mountinfo && echo $f; done; true`;
    expect(await inside(readOnly)).toBe('0:');
  });

  // @promise bounded
  it('is bounded in memory with swap, processes and CPU, and has the seccomp profile of kernelet', async () => {
    const { text } = await engineCall('GET', `/containers/${record.containerId}/json`);
    const document = JSON.parse(text) as { HostConfig: Record<string, unknown> };
    expect(document.HostConfig).toMatchObject({
      Privileged: false,
      Memory: 256 * 2 ** 20,
      MemorySwap: 256 * 2 ** 20,
      PidsLimit: 64,
      CpuPeriod: 100_000,
      CpuQuota: 100_000,
      CapDrop: ['ALL'],
      NetworkMode: 'none',
      PidMode: '',
      IpcMode: 'private',
      UTSMode: '',
      SecurityOpt: ['no-new-privileges:true', ...defaultHardening.securityOptions],
      Ulimits: [{ Name: 'core', Soft: 0, Hard: 0 }],
    });
  });
});

describe('an image that declares volumes', () => {
  /** Builds one, and tries to create a kernel from it. */
  async function tryImage(lines: readonly string[], mounts: readonly KernelMount[] = []): Promise<unknown> {
    await using ledger = new EngineLedger(engine);
    const reference = await ledger.build(lines);
    const { id, volumes } = await engine.inspectImage(reference, within(10_000));
    const spec = specFixture({ image: { ...specFixture().image, reference, id, volumes }, mounts });
    const made = await one.kernels.registry.create(spec, within(60_000)).catch((error: unknown) => error);
    if (made instanceof Error) return made;
    const log = await mountsOf(spec.id);
    await one.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: true });
    return log;
  }

  async function mountsOf(id: string): Promise<string> {
    const containerId = asContainerId(
      one.kernels.registry.list().find(({ spec }) => spec.id === id)?.containerId ?? '',
    );
    const { stdout } = await engine.exec(containerId, ['cat', '/proc/self/mountinfo'], {}, within(10_000));
    return new TextDecoder().decode(stdout);
  }

  // @promise image-volumes
  it.each([
    ['below the runner’s folder', ['RUN mkdir -p /opt/backend.ai/bin', 'VOLUME /opt/backend.ai/bin']],
    ['over a link to it', ['RUN mkdir -p /a /opt/backend.ai && ln -s /opt /a/door', 'VOLUME /a/door/backend.ai']],
  ])('%s gives no kernel: its content would be run as root', async (_, lines) => {
    expect(await tryImage(lines)).toMatchObject({ code: 'FORBIDDEN_VOLUME' });
  });

  it.each([
    ['/a/door', '/a/door/backend.ai'],
    ['/home/work', '/home/work/backend.ai'],
  ])('or a link at %s gives no kernel for a mount of the request either', async (link, target) => {
    const mounts = [{ source: volume, target, readOnly: false }];
    expect(await tryImage([`RUN mkdir -p $(dirname ${link}) && ln -s /opt ${link}`], mounts)).toMatchObject({
      code: 'FORBIDDEN_MOUNT',
      message: expect.stringContaining(`${link} is a link`),
    });
  });

  it('elsewhere works, with the runner’s folder on top of nothing else', async () => {
    const log = await tryImage(['VOLUME /srv/data /home/work/kept']);
    expect(log).toMatch(/ \/srv\/data /);
    expect(String(log).match(/ \/opt\/backend\.ai /g)).toHaveLength(1);
  });

  // @promise nothing-leaks
  it('elsewhere leaves none of them with the engine', async () => {
    const volumes = async (): Promise<readonly string[]> => {
      const { text } = await engineCall('GET', '/volumes');
      const listed = JSON.parse(text) as { readonly Volumes: readonly { readonly Name: string }[] | null };
      return (listed.Volumes ?? []).map(({ Name }) => Name).toSorted();
    };
    const before = await volumes();
    expect(await tryImage(['VOLUME /srv/data'])).toMatch(/ \/srv\/data /);
    expect(await volumes()).toEqual(before);
  });
});
