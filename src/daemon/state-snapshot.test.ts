import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import type { Agent, AgentStatus, KernelView } from '../agent/agent.ts';
import type { NodeResources } from '../agent/node-resources.ts';
import { systemClock } from '../lib/clock.ts';
import { KerneletError } from '../lib/errors.ts';
import { OperationTimes } from '../lib/operation-times.ts';
import { beforeOutput } from '../lib/redaction.ts';
import { stateSnapshot } from './state-snapshot.ts';

const kernel = {
  id: 'k',
  phase: 'terminated',
  environ: ['TOKEN', 'HOME'],
  termination: { reason: 'self-terminated', exitCode: 1, detail: `it ended${beforeOutput}it printed hidden-2`, at: 5 },
} as unknown as KernelView;

const agent: Pick<Agent, 'status' | 'list' | 'resources'> = {
  status: async () => ({ phase: 'ready', kernels: 1 }) as AgentStatus,
  list: async () => [kernel],
  resources: async () =>
    ({ slots: [] as NodeResources['slots'], devices: [] as NodeResources['devices'] }) as NodeResources,
};
const dependencies = { 'container-engine': async () => {} };
const values = new Map<string, unknown>([
  ['agent.id', 'i-1'],
  ['etcd.password', '[secret]'],
  ['kernelet.plugin-options', { npu: { 'api-token': 'hidden-3', mode: 'fast' } }],
  ['container.port-range', [1n, 2n]],
]);

it('has what there is, without what is secret', async () => {
  const operations = new OperationTimes(systemClock);
  void operations.watch('engine', 'inspect', new Promise(() => {}));
  void operations.watch('engine', 'ping', Promise.resolve());
  const clock = new FakeClock();
  const text = await stateSnapshot({ configuration: { values }, operations, node: { agent, dependencies }, clock });
  expect(JSON.parse(text)).toMatchObject({
    takenAt: '2023-11-14T22:13:20.000Z',
    status: { phase: 'ready' },
    registry: {
      k: {
        environ: ['TOKEN', 'HOME'],
        termination: { reason: 'self-terminated', exitCode: 1, detail: 'it ended', at: 5 },
      },
    },
    allocs: { slots: [], devices: [] },
    config: {
      'agent.id': 'i-1',
      'kernelet.plugin-options': { npu: { mode: 'fast' } },
      'container.port-range': ['1', '2'],
    },
    connections: { checks: [{ service: 'container-engine', problem: null }] },
    inflight: [{ component: 'engine', operation: 'inspect', underWay: 1 }],
    process: { pid: process.pid },
  });
  expect(text).not.toMatch(/hidden/);
});

it('a snapshot has what can be had while other parts fail or hang', async () => {
  const clock = new FakeClock();
  const failing = {
    ...agent,
    list: async () => {
      throw new KerneletError('DEADLINE_EXCEEDED', 'the daemon is still recovering');
    },
    resources: () => new Promise<never>(() => {}),
  };
  const node = { agent: failing, dependencies };
  const taken = stateSnapshot({ configuration: { values }, operations: new OperationTimes(clock), node, clock });
  await clock.advance(6_000);
  expect(JSON.parse(await taken)).toMatchObject({
    status: { phase: 'ready' },
    registry: { unavailable: 'the daemon is still recovering' },
    allocs: { unavailable: 'the devices took longer than 5000 ms' },
  });
});

it('has the settings of a daemon that has no node yet', async () => {
  const clock = new FakeClock();
  const operations = new OperationTimes(clock);
  const text = await stateSnapshot({ configuration: { values }, operations, node: null, clock });
  expect(JSON.parse(text)).toMatchObject({ status: null, registry: null, config: { 'agent.id': 'i-1' } });
});
