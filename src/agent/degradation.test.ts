import { describe, expect, it } from 'vitest';
import { AgentFixture } from '../../test/support/agent-fixture.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { silentLogger } from '../lib/log.ts';
import { Degradations, type DegradedMode, type Look } from './degradation.ts';

const request = { image: 'kernelet/base:latest', environ: {}, mounts: [], publish: [], interpreter: 'lazy' } as const;
const soon = (): AbortSignal => AbortSignal.timeout(5_000);

/** A node that is degraded in what the test says, by mode. */
function degradable(clock: FakeClock) {
  const wrong = new Map<DegradedMode, Look>();
  const told: string[] = [];
  const look =
    (mode: DegradedMode): Look =>
    () =>
      wrong.get(mode)?.() ?? null;
  const log = {
    ...silentLogger,
    warn: (_: string, fields = {}) => void told.push(`degraded ${JSON.stringify(fields)}`),
    info: (_: string, fields = {}) => void told.push(`well ${JSON.stringify(fields)}`),
  };
  const looks = {
    engine: look('engine'),
    disk: look('disk'),
    'file-systems': look('file-systems'),
    descriptors: look('descriptors'),
    memory: look('memory'),
    firewall: look('firewall'),
    clock: look('clock'),
    records: look('records'),
  };
  return { degradations: new Degradations({ looks, clock, log }), wrong, told };
}

// @promise degraded-told
describe('what a node is degraded by', () => {
  it('is told with its reason, since when, and once each way', async () => {
    const clock = new FakeClock();
    const { degradations, wrong, told } = degradable(clock);
    expect(await degradations.look()).toEqual([]);
    wrong.set('disk', () => 'it is full');
    const since = clock.now();
    await degradations.look();
    await clock.advance(5_000);
    wrong.set('disk', async () => 'it is stalled');
    wrong.set('clock', () => 'it was set');
    expect(await degradations.look()).toEqual([
      { mode: 'disk', since, detail: 'it is stalled' },
      { mode: 'clock', since: clock.now(), detail: 'it was set' },
    ]);
    expect(degradations.present).toHaveLength(2);
    wrong.clear();
    expect(await degradations.look()).toEqual([]);
    expect(told).toEqual([
      'degraded {"mode":"disk","detail":"it is full"}',
      'degraded {"mode":"clock","detail":"it was set"}',
      'well {"mode":"disk"}',
      'well {"mode":"clock"}',
    ]);
  });

  it('is also what cannot be looked at', async () => {
    const { degradations, wrong } = degradable(new FakeClock());
    wrong.set('descriptors', () => {
      throw new Error('EMFILE');
    });
    expect(await degradations.look()).toMatchObject([
      { mode: 'descriptors', detail: expect.stringContaining('EMFILE') },
    ]);
  });

  it('ends no kernel, is in the status, and is over when it is', async () => {
    await using fixture = await AgentFixture.start();
    const { agent, kernels } = fixture;
    const { id } = await agent.create(request, soon());
    const modes = async () => (await agent.status()).degraded.map(({ mode }) => mode);
    expect(await modes()).toEqual([]);
    {
      using _network = kernels.dummy.fail('inspectNetwork', { kind: 'error' }, { times: 100 });
      await kernels.kernels.registry.sweep(soon());
      expect(await modes()).toEqual(['firewall']);
      using _ping = kernels.dummy.fail('ping', { kind: 'error' }, { times: 100 });
      for (let pings = 0; pings < 2; pings += 1) await kernels.kernels.registry.pingEngine(soon());
      expect(await modes()).toEqual(['engine', 'firewall']);
      expect(agent.degraded).toMatchObject([{ detail: 'the engine does not answer' }, {}]);
    }
    expect((await agent.list({ all: true })).map((kernel) => [kernel.id, kernel.phase])).toEqual([[id, 'running']]);
    await kernels.kernels.registry.pingEngine(soon());
    await kernels.kernels.registry.sweep(soon());
    expect(await modes()).toEqual([]);
  });

  it('is a stalled disk, a file system that hangs, and a kernel that is unrecorded', async () => {
    await using fixture = await AgentFixture.start();
    const { agent, kernels } = fixture;
    const { id } = await agent.create(request, soon());
    const { registry } = kernels.kernels;
    const list = registry.list.bind(registry);
    registry.list = (options) => list(options).map((record) => ({ ...record, unrecordedSince: 1 }));
    const { facts } = fixture;
    Object.assign(facts, { disk: async () => 'stalled' });
    Object.assign(facts, { hungFileSystems: () => [{ mountPoint: '/srv', fileSystem: 'nfs4', since: 1 }] });
    expect((await agent.status()).degraded).toMatchObject([
      { mode: 'disk', detail: expect.stringContaining('taken seconds') },
      { mode: 'file-systems', detail: expect.stringContaining('/srv') },
      { mode: 'records', detail: expect.stringContaining(id) },
    ]);
  });
});
