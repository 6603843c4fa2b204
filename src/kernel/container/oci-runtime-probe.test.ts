import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { containerSpec } from '../../../test/support/engine-fixtures.ts';
import { FakeRunnerClient, testSettings } from '../../../test/support/kernels-fixture.ts';
import { DummyEngine, type DummyEngineOptions } from '../../engine/dummy/dummy-engine.ts';
import { dummyImage } from '../../engine/dummy/dummy-images.ts';
import type { ContainerSpec } from '../../engine/engine.ts';
import { KerneletError } from '../../lib/errors.ts';
import { silentLogger } from '../../lib/log.ts';
import { containerPaths } from '../../protocol/image-contract.ts';
import { sameUsers } from '../../storage/container-users.ts';
import { type OciRuntimeProbeParts, probeOciRuntime, removeLeftTrials } from './oci-runtime-probe.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-probe-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

class AnsweringRunner extends FakeRunnerClient {
  override async request(method: string): Promise<never> {
    this.requests.push(method);
    return null as never;
  }
}

/** The parts of a trial on an engine in memory whose runners are ready when `ready` resolves. */
function probe(options: DummyEngineOptions = {}, ready: (signal: AbortSignal) => Promise<void> = async () => {}) {
  const engine = new DummyEngine({ info: { runtimes: ['runc', 'runsc'] }, ...options });
  const clients: FakeRunnerClient[] = [];
  const warnings: string[] = [];
  const parts: OciRuntimeProbeParts = {
    engine,
    users: async () => sameUsers,
    ownership: { proof: (name) => `proof of ${name}` },
    tag: '0123abcd',
    folder,
    container: testSettings.container,
    runner: testSettings.runner,
    connectRunner: (address) => {
      const client = new AnsweringRunner(address, ready);
      clients.push(client);
      return client;
    },
    readyTimeoutMs: 1_000,
    log: { ...silentLogger, warn: (text) => void warnings.push(text) },
  };
  const removeLeft = () => removeLeftTrials(parts, AbortSignal.timeout(10_000));
  const run = (runtime = 'runsc') => probeOciRuntime(runtime, parts, AbortSignal.timeout(10_000));
  return { engine, clients, run, removeLeft, warnings };
}

const leftOf = async (engine: DummyEngine) => [
  ...engine.containers.map(({ spec }) => spec.name),
  ...(await engine.listImages(AbortSignal.timeout(1_000))).map(({ id }) => id),
  ...(await readdir(folder)),
];

describe('a trial of an OCI runtime', () => {
  it('boots a runner under it, speaks to it, and leaves nothing', async () => {
    const seen: unknown[] = [];
    const { engine, clients, run } = probe({
      onStart: async ({ spec }) => {
        const source = spec.mounts.find(({ target }) => target === containerPaths.run)?.source ?? '';
        const config: unknown = JSON.parse(await readFile(join(source, 'runner.json'), 'utf8'));
        seen.push(spec.runtime, spec.network, spec.noNewPrivileges, (await stat(source)).mode & 0o777, config);
      },
    });
    await run();
    const [client] = clients;
    expect(seen).toEqual(['runsc', 'none', true, 0o700, expect.objectContaining({ secret: client?.address.secret })]);
    expect(client?.requests).toEqual(['ping']);
    expect(client?.disposed).toBe(true);
    expect(await leftOf(engine)).toEqual([]);
  });

  it('has a container that is hardened as kernels are, with nothing of a session in it', async () => {
    const made: ContainerSpec[] = [];
    const configs: unknown[] = [];
    const { run } = probe({
      onStart: async ({ spec }) => {
        made.push(spec);
        const source = spec.mounts.find(({ target }) => target === containerPaths.run)?.source ?? '';
        configs.push(JSON.parse(await readFile(join(source, 'runner.json'), 'utf8')));
      },
    });
    await run();
    const { container, runner } = testSettings;
    const digits = made[0]?.name.split('.').at(-1) ?? '';
    expect(digits).toMatch(/^[0-9a-f]{12}$/);
    const name = `kernelet-runtime.0123abcd.${digits}`;
    expect(made).toEqual([
      {
        name,
        image: `kernelet-runtime:0123abcd-${digits}`,
        hostname: 'probe',
        entrypoint: container.volume.entrypoint,
        command: [],
        environ: [],
        workingDirectory: '/',
        labels: { 'ai.kernelet.runtime-probe-proof': `proof of ${name}` },
        mounts: [
          { source: '/nonexistent/volume', target: '/opt/backend.ai', readOnly: true },
          { source: join(folder, digits, 'run'), target: '/opt/kernel/run', readOnly: false },
        ],
        temporaryFilesystems: { '/home/work': 'rw,size=1m' },
        limits: { cpus: 1, memoryBytes: 256 * 2 ** 20, processes: 512 },
        network: 'none',
        networkAliases: [],
        ports: [],
        capabilities: container.hardening.capabilities,
        noNewPrivileges: true,
        securityOptions: container.hardening.securityOptions,
        logLimitBytes: 2 ** 20,
        init: false,
        runtime: 'runsc',
      },
    ]);
    expect(configs).toEqual([
      {
        ...{ version: 1, kernelId: expect.any(String), generation: 1, secret: expect.stringMatching(/^[0-9a-f]{64}$/) },
        ...{ runtime: { type: 'shell', path: null }, user: { uid: 65_534, gid: 65_534, name: 'work' }, environ: [] },
        ...{
          services: [],
          models: [],
          interpreter: 'lazy',
          sudo: false,
          imageBootstrap: false,
          taskLog: false,
          links: [],
        },
        ...runner,
      },
    ]);
  });

  it('says that the engine does not know it, and makes nothing', async () => {
    const { engine, run } = probe();
    await expect(run('kata')).rejects.toThrow(
      expect.objectContaining({
        code: 'NOT_SUPPORTED',
        message:
          'no kernel runs under the OCI runtime kata: the engine knows runc, runsc; register it under "runtimes" in daemon.json',
      }),
    );
    expect(engine.calls.map(({ method }) => method)).toEqual(['info']);
    await expect(probe({ info: { runtimes: [] } }).run()).rejects.toThrow('the engine knows none; register it');
  });

  it('says how the container ended, or that its runner was not reached in time, and leaves nothing', async () => {
    const never = () => new Promise<void>(() => {});
    const dying = probe(
      {
        onStart: (container) => {
          container.write('stderr', 'bind: EPERM\n');
          container.exit(1);
        },
      },
      never,
    );
    await expect(dying.run()).rejects.toThrow(
      /^no kernel runs under the OCI runtime runsc: the container ended with status 1 .*bind: EPERM/s,
    );
    expect(await leftOf(dying.engine)).toEqual([]);
    const silent = probe({}, never);
    await expect(silent.run()).rejects.toThrow(/runsc: .*took longer than 1000 ms/s);
    expect(await leftOf(silent.engine)).toEqual([]);
  });

  it('hands on that the engine does not answer', async () => {
    const { engine, run } = probe();
    using _gone = engine.fail('createContainer', {
      kind: 'error',
      error: new KerneletError('ENGINE_UNAVAILABLE', 'gone'),
    });
    await expect(run()).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    expect(await leftOf(engine)).toEqual([]);
  });

  it.each(['removeContainer', 'removeImage'] as const)(
    'says nothing of the runtime when %s fails afterwards, which is done later, also when nobody names the runtime any more',
    async (method) => {
      const { engine, run, removeLeft, warnings } = probe();
      {
        const matches = () => engine.calls.some((call) => call.method === 'createContainer');
        using _failing = engine.fail(method, { kind: 'error' }, { matches });
        await run();
      }
      expect(warnings).toEqual(['what a trial of an OCI runtime has made could not be removed yet']);
      expect(await leftOf(engine)).not.toEqual([]);
      await removeLeft();
      expect(await leftOf(engine)).toEqual([]);
      const asked = engine.calls.length;
      await removeLeft();
      expect(engine.calls.length).toBe(asked);
    },
  );

  it('removes what a killed daemon has left of one, and no container of somebody else', async () => {
    const names: string[] = [];
    const first = probe({ onStart: ({ spec }) => void names.push(spec.name) });
    await first.run();
    const { engine, run } = probe();
    engine.addImage(dummyImage('debian'));
    const made = containerSpec({ name: names[0] ?? '', image: 'debian', entrypoint: ['sleep'] });
    const proof = { 'ai.kernelet.runtime-probe-proof': `proof of ${made.name}` };
    await engine.createContainer({ ...made, labels: proof }, AbortSignal.timeout(1_000));
    await run();
    expect(engine.containers).toEqual([]);
    await engine.createContainer({ ...made, labels: {} }, AbortSignal.timeout(1_000));
    await expect(run()).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
    expect(engine.containers.map(({ spec }) => spec.name)).toEqual([made.name]);
  });
});
