import { expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { recordFixture, specFixture } from '../../../test/support/kernel-record.ts';
import { type KernelRecord, noPlacement } from '../../kernel/record.ts';
import type { KernelNetwork } from '../../kernel/spec.ts';
import { asContainerId } from '../../lib/ids.ts';
import { Callers } from './callers.ts';
import type { Connection } from './network-sockets.ts';

const target = { address: '169.254.169.254', port: 80 };
const from = (address: string, port = 4000): Connection => ({ address, port, target });

function kernel(containerId: string, network: KernelNetwork = 'bridge', change: Partial<KernelRecord> = {}) {
  return recordFixture({ containerId: asContainerId(containerId), spec: specFixture({ network }), ...change });
}

/** `addresses`: of running containers; each has the process and the network of its place among them. */
function setUp(records: readonly KernelRecord[], addresses: Readonly<Record<string, string | null>>) {
  const clock = new FakeClock();
  const state = { records, addresses, asked: [] as string[], failing: new Set<string>(), gone: new Set<number>() };
  /** What each network has, as `PLACE ADDRESS:PORT`. */
  const open = new Set<string>();
  const callers = new Callers({
    kernels: { list: () => state.records },
    engine: {
      inspectContainer: async (id) => {
        state.asked.push(id);
        if (state.failing.has(id)) throw new Error('the engine is away');
        const address = state.addresses[id];
        const pid = Object.keys(state.addresses).indexOf(id) + 1;
        return address === undefined ? null : { pid: address === null ? 0 : pid, networkAddress: address };
      },
    },
    clock,
    sockets: {
      networkOf: (folder) => (state.gone.has(place(folder)) ? null : place(folder)),
      findConnection: (folder, network, { address, port }) => {
        if (state.gone.has(place(folder)) || network !== place(folder)) return 'gone';
        return open.has(`${network} ${address}:${port}`) ? 'found' : 'absent';
      },
    },
  });
  return { clock, callers, state, open };
}

const place = (folder: string): number => Number(folder.replace('/proc/', ''));

it('a kernel is told by the address of its network, and the engine asked once for each', async () => {
  const { callers, state, open } = setUp([kernel('a'), kernel('b')], { a: '10.0.0.2', b: '10.0.0.3' });
  open.add('2 10.0.0.3:4000');
  for (let request = 0; request < 100; request += 1) expect(await callers.holderOf(from('10.0.0.3'))).toBe('b');
  expect(state.asked).toEqual(['a', 'b']);
  expect(callers.kernelOf(asContainerId('b'))).toBe(state.records[1]);
  expect([callers.knows('10.0.0.2'), callers.knows('10.0.0.4')]).toEqual([true, false]);
});

it('a kernel on a prewarmed network is told by that of its lease', async () => {
  const lease = { container: asContainerId('holder'), receivedBytes: 0, sentBytes: 0 };
  const leasing = kernel('a', 'bridge', { placement: { ...noPlacement, prewarmedNetwork: lease } });
  const { callers, open } = setUp([leasing], { holder: '10.0.0.9' });
  open.add('1 10.0.0.9:4000');
  expect(await callers.holderOf(from('10.0.0.9'))).toBe('holder');
  expect(callers.kernelOf(asContainerId('holder'))).toBe(leasing);
});

// @promise metadata-own-alone
it('an address proves nothing: who sends from that of another kernel is nobody', async () => {
  const { callers, state, open } = setUp([kernel('a'), kernel('b')], { a: '10.0.0.2', b: '10.0.0.3' });
  // It is b that has begun it.
  open.add('2 10.0.0.2:4000');
  expect(await callers.holderOf(from('10.0.0.2'))).toBeNull();
  expect(await callers.holderOf(from('192.0.2.1'))).toBeNull();
  expect(state.asked).toEqual(['a', 'b']);
});

it('kernels without a network, on that of the host, that end or have ended are nobody, and not asked about', async () => {
  const host = { name: 'host', aliases: [], hosts: [] };
  const records = [kernel('a', 'none'), kernel('b', host), kernel('c', 'bridge', { phase: 'terminating' })];
  const { callers, state, open } = setUp(records, { a: '10.0.0.1', b: '10.0.0.2', c: '10.0.0.3' });
  for (const [index, address] of ['10.0.0.1', '10.0.0.2', '10.0.0.3'].entries())
    open.add(`${index + 1} ${address}:4000`);
  for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) expect(await callers.holderOf(from(address))).toBeNull();
  expect(state.asked).toEqual([]);
});

it('an address that goes over to another kernel is never taken for that of the first', async () => {
  const { callers, state, open } = setUp([kernel('a')], { a: '10.0.0.2' });
  open.add('1 10.0.0.2:4000');
  expect(await callers.holderOf(from('10.0.0.2'))).toBe('a');
  // It is not known yet that the first has ended.
  state.gone.add(1);
  state.records = [...state.records, kernel('b')];
  state.addresses = { a: null, b: '10.0.0.2' };
  open.add('2 10.0.0.2:4000');
  expect(await callers.holderOf(from('10.0.0.2'))).toBe('b');
  state.records = [];
  expect(callers.kernelOf(asContainerId('b'))).toBeNull();
  expect(await callers.holderOf(from('10.0.0.2'))).toBeNull();
});

it('a new container is waited for until it has its address, and strangers do not have it asked for again and again', async () => {
  const { clock, callers, state, open } = setUp([kernel('a', 'bridge', { phase: 'creating' })], { a: null });
  const asked = callers.holderOf(from('10.0.0.2'));
  await clock.advance(50);
  state.addresses = { a: '10.0.0.2' };
  open.add('1 10.0.0.2:4000');
  await clock.advance(100);
  expect(await asked).toBe('a');
  state.records = [kernel('b')];
  state.addresses = {};
  state.asked.length = 0;
  for (let stranger = 0; stranger < 100; stranger += 1) {
    const answer = callers.holderOf(from('192.0.2.1'));
    await clock.advance(1_000);
    expect(await answer).toBeNull();
  }
  // Within 100 s.
  expect(state.asked.length).toBeLessThan(25);
});

it('strangers have it look for new kernels once a second at most', async () => {
  const { clock, callers, state } = setUp([kernel('a')], { a: '10.0.0.2', b: '10.0.0.3' });
  await callers.learn();
  state.records = [kernel('a'), kernel('b')];
  await callers.learn();
  expect([callers.knows('10.0.0.2'), callers.knows('10.0.0.3')]).toEqual([true, false]);
  await clock.advance(1_000);
  await callers.learn();
  expect(callers.knows('10.0.0.3')).toBe(true);
});

it('a search ends with its time, also while kernels come without end', async () => {
  const { callers, state } = setUp([], {});
  const late = new AbortController();
  let looks = 0;
  Object.defineProperty(state, 'records', {
    get: () => {
      looks += 1;
      if (looks === 5) late.abort(new Error('it took too long'));
      return Array.from({ length: Math.min(looks, 100) }, (_, index) => kernel(`${index}`));
    },
  });
  await expect(callers.holderOf(from('10.0.0.2'), late.signal)).rejects.toThrow('it took too long');
  expect(looks).toBe(5);
});

it('one container of which the engine says nothing keeps no other from being told', async () => {
  const { callers, state, open } = setUp([kernel('a'), kernel('b')], { a: '10.0.0.2', b: '10.0.0.3' });
  state.failing.add('a');
  open.add('2 10.0.0.3:4000');
  expect(await callers.holderOf(from('10.0.0.3'))).toBe('b');
  state.records = [kernel('a')];
  const { callers: alone, state: away } = setUp([kernel('a')], { a: '10.0.0.2' });
  away.failing.add('a');
  await expect(alone.holderOf(from('10.0.0.2'))).rejects.toThrow('the engine is away');
});
