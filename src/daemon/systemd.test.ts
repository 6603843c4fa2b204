import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { NotifyReceiver } from '../../test/support/notify-receiver.ts';
import type { AgentStatus } from '../agent/agent.ts';
import { KerneletError } from '../lib/errors.ts';
import { type Logger, silentLogger } from '../lib/log.ts';
import type { Sent } from './notify-socket.ts';
import { type ReportedNode, ServiceManager, serviceManagerOf, statusLine } from './systemd.ts';

let clock: FakeClock;
let heard: string[];
let answer: Sent;
let warnings: string[];
let engine: () => Promise<unknown>;
let serviceManagers: ServiceManager[];
beforeEach(() => {
  clock = new FakeClock();
  [heard, warnings, serviceManagers, answer] = [[], [], [], 'sent'];
  engine = async () => {};
});
afterEach(async () => {
  const ended = serviceManagers.map((serviceManager) => serviceManager[Symbol.asyncDispose]());
  await clock.advance(5_000);
  await Promise.all(ended);
  expect(clock.pending).toBe(0);
});

const log: Logger = { ...silentLogger, warn: (message) => void warnings.push(message) };
let kernels = 2;
const node: ReportedNode = {
  agent: { status: async () => ({ phase: 'ready', kernels, degraded: [] as AgentStatus['degraded'] }) as AgentStatus },
  dependencies: { 'container-engine': () => engine(), store: async () => {} },
};

function made(watchdogMs: number | null = null): ServiceManager {
  const socket = {
    send(text: string): Sent {
      if (answer === 'sent') heard.push(text);
      return answer;
    },
    [Symbol.dispose]() {},
  };
  const serviceManager = new ServiceManager({ socket, watchdogMs, clock, log });
  serviceManagers.push(serviceManager);
  return serviceManager;
}

const moreTime = 'EXTEND_TIMEOUT_USEC=30000000';
const status = 'STATUS=2 kernels; container-engine, store answer';

describe('a start', () => {
  it('asks for time until the daemon serves, and says then that it does, and how it is', async () => {
    const serviceManager = made();
    await clock.advance(25_000);
    expect(heard).toEqual(['STATUS=starting', moreTime, moreTime, moreTime]);
    heard.length = 0;
    serviceManager.ready(node);
    await clock.advance(0);
    expect(heard).toEqual(['READY=1', status]);
  });

  it('is not said to have ended when it was a stop that ended it', async () => {
    const serviceManager = made();
    serviceManager.stopping();
    serviceManager.ready(node);
    await clock.advance(1_000);
    expect(heard.slice(2)).toEqual(['STOPPING=1\nSTATUS=stopping', moreTime]);
  });
});

// @promise service-manager
it('says how the daemon is when that has changed', async () => {
  made().ready(node);
  await clock.advance(60_000);
  kernels = 3;
  await clock.advance(10_000);
  engine = () => Promise.reject(new Error('gone'));
  await clock.advance(20_000);
  kernels = 2;
  expect(heard.filter((text) => text.startsWith('STATUS')).slice(1)).toEqual([
    status,
    'STATUS=3 kernels; container-engine, store answer',
    'STATUS=3 kernels; store answers; container-engine does not answer',
  ]);
});

describe('signs of life', () => {
  const beats = (): number => heard.filter((text) => text === 'WATCHDOG=1').length;

  it('come at half of what is waited for, and never before the daemon is ready', async () => {
    const serviceManager = made(20_000);
    await clock.advance(60_000);
    expect(beats()).toBe(0);
    serviceManager.ready(node);
    await clock.advance(100_500);
    expect(beats()).toBe(10);
  });

  it('do not come when nobody waits for them', async () => {
    made(null).ready(node);
    await clock.advance(100_000);
    expect(beats()).toBe(0);
  });

  it.each([
    ['refuses', () => Promise.reject(new Error('gone'))],
    ['hangs', () => new Promise(() => {})],
  ])('stop when the engine %s for longer than is waited, and come again when it answers', async (_, failing) => {
    made(20_000).ready(node);
    await clock.advance(20_500);
    expect(beats()).toBe(2);
    engine = failing;
    await clock.advance(50_000);
    const last = beats();
    expect(last).toBeLessThanOrEqual(4);
    await clock.advance(60_000);
    expect(beats()).toBe(last);
    engine = async () => {};
    await clock.advance(25_000);
    expect(beats()).toBeGreaterThan(last);
  });

  it('go on while another engine answers than the one with the kernels: a restart would not bring that back', async () => {
    engine = () => Promise.reject(new KerneletError('ENGINE_CHANGED', 'another engine answers'));
    made(20_000).ready(node);
    await clock.advance(100_500);
    expect(beats()).toBe(10);
  });

  it('end with the stop', async () => {
    const serviceManager = made(20_000);
    serviceManager.ready(node);
    await clock.advance(15_000);
    serviceManager.stopping();
    await clock.advance(60_000);
    expect(beats()).toBe(1);
  });
});

describe('a reload', () => {
  it('is notified with the time of its begin, and its end', async () => {
    const serviceManager = made();
    serviceManager.ready(node);
    await clock.advance(0);
    heard.length = 0;
    const before = process.hrtime.bigint() / 1000n;
    await serviceManager.reloading(async () => void heard.push('reload'));
    const [begin = '', ...rest] = heard;
    expect(rest).toEqual(['reload', 'READY=1']);
    const at = BigInt(/^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(begin)?.[1] ?? '0');
    expect(at >= before && at <= process.hrtime.bigint() / 1000n).toBe(true);
  });

  it('during the start does not say that the start is over, and one during the stop not that it goes on', async () => {
    const serviceManager = made();
    await serviceManager.reloading(async () => {});
    expect(heard).toEqual(['STATUS=starting', moreTime]);
    serviceManager.ready(node);
    await clock.advance(0);
    await serviceManager.reloading(async () => serviceManager.stopping());
    await serviceManager.reloading(async () => {});
    expect(heard.filter((text) => text === 'READY=1')).toHaveLength(1);
  });
});

it('asks for time while it stops, but not for ever', async () => {
  const serviceManager = made();
  serviceManager.ready(node);
  await clock.advance(0);
  heard.length = 0;
  serviceManager.stopping();
  await clock.advance(600_000);
  expect(heard[0]).toBe('STOPPING=1\nSTATUS=stopping');
  expect(heard.filter((text) => text === moreTime)).toHaveLength(12);
});

it('says why the daemon ends, in one line, and nothing after that', async () => {
  const serviceManager = made(20_000);
  serviceManager.ready(node);
  await clock.advance(0);
  serviceManager.failed(new KerneletError('STATE_LOCKED', 'the PID file p is\nthat of the process 7'));
  await clock.advance(60_000);
  expect(heard.at(-1)).toBe('STATUS=STATE_LOCKED: the PID file p is that of the process 7');
});

it('says what counts again to a service manager that is behind', async () => {
  const serviceManager = made();
  answer = 'full';
  serviceManager.ready(node);
  await clock.advance(300);
  answer = 'sent';
  await clock.advance(100);
  expect(heard).toContain('READY=1');
});

it('complains once when nobody hears', async () => {
  const serviceManager = made();
  answer = { failure: 'ECONNREFUSED' };
  serviceManager.ready(node);
  await clock.advance(60_000);
  expect(warnings).toEqual(['cannot notify the service manager']);
});

describe('the environment', () => {
  const parts = { clock: new FakeClock(), log };

  it('without NOTIFY_SOCKET there are no notifications', async () => {
    expect(await serviceManagerOf({}, parts)).toBe(null);
    expect(await serviceManagerOf({ NOTIFY_SOCKET: '' }, parts)).toBe(null);
  });

  it('with an address of another kind costs a warning', async () => {
    expect(await serviceManagerOf({ NOTIFY_SOCKET: 'vsock:2:1' }, parts)).toBe(null);
    expect(warnings).toHaveLength(1);
  });

  it.each([
    [{ WATCHDOG_USEC: '200000' }, true],
    [{ WATCHDOG_USEC: '200000', WATCHDOG_PID: String(process.pid) }, true],
    [{ WATCHDOG_USEC: '200000', WATCHDOG_PID: '1' }, false],
    [{ WATCHDOG_USEC: 'soon' }, false],
    [{}, false],
  ])('%j: signs of life are waited for: %s', async (environ, awaited) => {
    using receiver = new NotifyReceiver(`@kernelet-${randomUUID()}`);
    const own = new FakeClock();
    const serviceManager = await serviceManagerOf({ NOTIFY_SOCKET: receiver.address, ...environ }, { clock: own, log });
    serviceManager?.ready(node);
    await own.advance(150);
    expect(receiver.heard().includes('WATCHDOG=1')).toBe(awaited);
    await serviceManager?.[Symbol.asyncDispose]();
  });
});

const check = (service: string, problem: string | null = null) => ({ service, at: 0, problem });

it.each([
  [
    'ready',
    2,
    [check('container-engine'), check('store'), check('queue')],
    '2 kernels; container-engine, store, queue answer',
  ],
  [
    'ready',
    1,
    [check('container-engine'), check('queue', 'late')],
    '1 kernel; container-engine answers; queue does not answer',
  ],
  ['recovering', 0, [check('container-engine', 'gone')], 'recovering; 0 kernels; container-engine does not answer'],
  ['ready', 0, [check('store', 'a'), check('queue', 'b')], '0 kernels; store, queue do not answer'],
] as const)('%s with %i kernels is one line', (phase, kernels, checks, line) => {
  expect(statusLine({ phase, kernels, degraded: [], checks })).toBe(line);
});

it('names what the node lacks', () => {
  const degraded = [{ mode: 'disk' }, { mode: 'clock' }] as const;
  const line = statusLine({ phase: 'ready', kernels: 0, degraded, checks: [check('container-engine')] });
  expect(line).toBe('0 kernels; container-engine answers; degraded: disk, clock');
});
