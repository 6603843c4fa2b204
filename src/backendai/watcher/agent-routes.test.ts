import { beforeEach, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import { silentLogger } from '../../lib/log.ts';
import type { AgentControl } from './agent-control.ts';
import { agentRoutes } from './agent-routes.ts';
import { Systemctl } from './systemctl.ts';

let did: string[];
let failing: string | null;
let clock: FakeClock;
beforeEach(() => {
  [did, failing, clock] = [[], null, new FakeClock()];
});

const act = async (what: string): Promise<void> => {
  did.push(what);
  if (what === failing) throw new KerneletError('SERVICE_FAILED', `${what} failed`);
};
const status = { subState: 'running', pid: 42, restarts: 0, lastExit: null, activeSince: 1 };
const agent: AgentControl = {
  status: async () => ({ state: 'active', ...status }),
  start: () => act('start'),
  stop: () => act('stop'),
  restart: () => act('restart'),
  reload: () => act('reload'),
  [Symbol.asyncDispose]: async () => {},
};
const run = async (program: string, args: readonly string[]) => {
  const what = [program, ...args].join(' ');
  did.push(what);
  return { exitCode: what === failing ? 1 : 0, stdout: '', stderr: what === failing ? 'no' : '' };
};
function ask(method: string, path: string, more: { softResetAvailable?: boolean } = {}) {
  const systemctl = new Systemctl(run);
  const routes = agentRoutes({ agent, systemctl, run, softResetAvailable: false, clock, log: silentLogger, ...more });
  const route = routes.find((one) => one.method === method && one.path === path);
  return route?.handle({ query: new URLSearchParams(), body: undefined });
}
const ok = { status: 200, body: { result: 'ok' } };

it('says how the agent is, in a word and at length', async () => {
  const word = { 'agent-status': 'active', 'watcher-status': 'active' };
  expect(await ask('GET', '/')).toEqual({ status: 200, body: word });
  expect(await ask('GET', '/agent/status')).toEqual({ status: 200, body: { state: 'active', ...status } });
});

it('starts, stops and restarts it, and reloads it where that is offered', async () => {
  for (const word of ['start', 'stop', 'restart']) expect(await ask('POST', `/agent/${word}`)).toEqual(ok);
  expect(ask('POST', '/soft-reset')).toBe(undefined);
  expect(await ask('POST', '/soft-reset', { softResetAvailable: true })).toEqual(ok);
  expect(did).toEqual(['start', 'stop', 'restart', 'reload']);
});

it('a hard reset restarts the engine while the agent is stopped, and starts that again whatever came of it', async () => {
  const steps = ['stop', 'systemctl restart -- docker.service', 'start'];
  expect(await ask('POST', '/hard-reset')).toEqual(ok);
  expect(did).toEqual(steps);
  [did, failing] = [[], steps[1] ?? null];
  await expect(ask('POST', '/hard-reset')).rejects.toThrow('systemctl restart docker.service: no');
  expect(did).toEqual(steps);
  [did, failing] = [[], 'stop'];
  await expect(ask('POST', '/hard-reset')).rejects.toThrow('stop failed');
  expect(did).toEqual(['stop']);
});

it('shuts the machine down when the caller has its answer, and not when the agent cannot be stopped', async () => {
  expect(await ask('POST', '/shutdown')).toEqual(ok);
  expect(did).toEqual(['stop']);
  await clock.advance(1_000);
  expect(did).toEqual(['stop', 'shutdown -h now']);
  [did, failing] = [[], 'stop'];
  await expect(ask('POST', '/shutdown')).rejects.toThrow('stop failed');
  await clock.advance(60_000);
  expect(did).toEqual(['stop']);
});

it('does one thing at a time, and does not wait for another for ever', async () => {
  const gate = Promise.withResolvers<void>();
  const systemctl = new Systemctl(run);
  const slow = { ...agent, stop: () => gate.promise };
  const routes = agentRoutes({ agent: slow, systemctl, run, softResetAvailable: false, clock, log: silentLogger });
  const handle = (path: string) =>
    routes.find((route) => route.path === path)?.handle({ query: new URLSearchParams(), body: undefined });
  const stopping = handle('/agent/stop');
  const starting = handle('/agent/start');
  await clock.advance(0);
  expect(did).toEqual([]);
  expect((await handle('/'))?.status).toBe(200);
  const late = expect(starting).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  await clock.advance(18_000);
  await late;
  gate.resolve();
  expect(await stopping).toEqual(ok);
  expect(await handle('/agent/start')).toEqual(ok);
});
