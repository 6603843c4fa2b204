/** Runners that do not answer, in real containers: it is shown and told, nobody waits for ever, and they are used on. */
import { once } from 'node:events';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engineCall } from '../support/engine-api.ts';
import { eventsOf, eventually, kernelsOf } from '../support/node-facts.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';

let node: NodeUnderTest;
beforeAll(async () => {
  node = await NodeUnderTest.started();
});
afterAll(() => node[Symbol.asyncDispose]());

/** Time for silence to be noticed: the pause between heartbeats, and the time for the answer. */
const noticedMs = 45_000;

async function viewOf(id: string) {
  const view = (await kernelsOf(node)).find((kernel) => kernel.id === id);
  if (!view) throw new Error(`kernel ${id} is not listed`);
  return view;
}
const untilUnreachable = (id: string): Promise<number> =>
  eventually('the kernel is unreachable', async () => (await viewOf(id)).unreachableSince, noticedMs);
const untilReachable = (id: string): Promise<true> =>
  eventually('the kernel is reachable', async () => {
    const { unreachableSince, paused } = await viewOf(id);
    return (unreachableSince === null && paused === null) || null;
  });
/** What others have paused is shown as that, and what is asked of it waits until its runner counts as unreachable. */
async function untilRefused(id: string): Promise<void> {
  expect((await node.run(['exec', id, '-c', '1'])).status).toBe(125);
}

const pause = async (id: string): Promise<void> => {
  const { containerId } = await viewOf(id);
  expect((await engineCall('POST', `/containers/${containerId}/pause`)).status).toBe(204);
};
const unpause = async (id: string): Promise<void> => {
  const { containerId } = await viewOf(id);
  expect((await engineCall('POST', `/containers/${containerId}/unpause`)).status).toBe(204);
};
/** Signals the runner alone; what it has started goes on. */
async function signalRunner(id: string, signal: NodeJS.Signals): Promise<void> {
  const { containerId } = await viewOf(id);
  const { text } = await engineCall('GET', `/containers/${containerId}/top?ps_args=-eo%20pid,args`);
  const { Processes } = JSON.parse(text) as { readonly Processes: readonly (readonly string[])[] };
  const runner = Processes.find((fields) => fields.join(' ').includes('runner/runner.js'));
  if (!runner) throw new Error(`no runner is among the processes: ${text}`);
  process.kill(Number(runner[0]), signal);
}

/** A run that has printed its first line. */
async function begun(...args: readonly string[]) {
  const started = node.start(args);
  if (!started.child.stdout) throw new Error('the command has no output');
  await once(started.child.stdout, 'data');
  return started;
}
const sinceMs = (begin: number): number => performance.now() - begin;

describe.each([
  {
    what: 'a paused container',
    ...{ freeze: pause, thaw: unpause, noticed: untilRefused, told: [] },
    ...{ listed: /running \(paused\)/, shown: /paused since: .*by others/ },
  },
  {
    what: 'a stopped runner',
    freeze: (id: string) => signalRunner(id, 'SIGSTOP'),
    thaw: (id: string) => signalRunner(id, 'SIGCONT'),
    noticed: untilUnreachable,
    told: [false, true],
    ...{ listed: /running \(unreachable\)/, shown: /unreachable since: .*its runner does not answer/ },
  },
])('$what', ({ freeze, thaw, noticed, told, listed, shown }) => {
  // @promise runner-silent, second-signal
  it('keeps no command longer than two signals, and no run longer than its time limit', async () => {
    const id = await node.create('--lang', 'python');
    const under = await begun(
      'exec',
      id,
      '--timeout',
      '4s',
      '-c',
      'print("up", flush=True)\nimport time\ntime.sleep(900)',
    );
    await freeze(id);
    const begin = performance.now();
    expect(await under.outcome).toMatchObject({ status: 137, stderr: expect.stringMatching(/time limit of 4s/) });
    expect(sinceMs(begin)).toBeLessThan(20_000);

    const late = await node.run(['exec', id, '--timeout', '1s', '-c', '1']);
    expect(late).toMatchObject({ status: 125, stderr: expect.stringMatching(/has not answered since/) });

    const terminated = node.start(['exec', id, '-c', '1']);
    const interrupted = node.start(['exec', id, '-c', '1']);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const signalled = performance.now();
    terminated.child.kill('SIGTERM');
    interrupted.child.kill('SIGINT');
    interrupted.child.kill('SIGINT');
    const ends = await Promise.all([terminated.outcome, interrupted.outcome]);
    expect(ends.map(({ status }) => status)).toEqual([143, 130]);
    expect(sinceMs(signalled)).toBeLessThan(8_000);
    await thaw(id);
    await untilReachable(id);
    expect((await node.run(['exec', id, '-c', '6 * 7'])).text).toBe('42\n');
    await node.run(['rm', '-f', id]);
  });

  // @promise degraded-told
  it('is shown, told and refused at once, and used on afterwards with all its state', async () => {
    const id = await node.create('--lang', 'python');
    expect((await node.run(['exec', id, '-c', 'x = 41'])).status).toBe(0);
    await freeze(id);
    await noticed(id);
    expect((await node.run(['ps'])).text).toMatch(listed);
    expect((await node.run(['inspect', id])).text).toMatch(shown);
    const begin = performance.now();
    const refused = await node.run(['exec', id, '-c', 'x + 1']);
    expect(refused).toMatchObject({ status: 125, stderr: expect.stringMatching(/has not answered since/) });
    expect(sinceMs(begin)).toBeLessThan(5_000);
    expect((await node.run(['ls', id])).status).toBe(125);
    await thaw(id);
    await untilReachable(id);
    expect((await node.run(['exec', id, '-c', 'x + 1'])).text).toBe('42\n');
    const heard = async () =>
      (await eventsOf(node)).flatMap(({ event }) =>
        event.type === 'reachability' && event.kernelId === id ? [event.reachable] : [],
      );
    await expect.poll(heard, { timeout: 20_000 }).toEqual(told);
    await freeze(id);
    expect((await node.run(['rm', '-f', id])).status).toBe(0);
  });
});

it('a deleted folder of the socket is noticed by transfers, by the next daemon, and keeps no kernel from removal', async () => {
  const id = await node.create('--lang', 'python');
  await rm(await socketFolder(id), { recursive: true });
  const begin = performance.now();
  const lost = await node.run(['download', id, 'absent', '-']);
  expect(lost).toMatchObject({ status: 125, stderr: expect.stringMatching(/has not answered since/) });
  expect(sinceMs(begin)).toBeLessThan(30_000);
  await node.endDaemon('SIGTERM');
  await node.startDaemon();
  await untilUnreachable(id);
  expect((await node.run(['rm', '-f', id])).status).toBe(0);
});

it('a run that the end of its kernel cuts off has an end', async () => {
  const id = await node.create('--lang', 'python');
  const under = await begun('exec', id, '-c', 'print("up", flush=True)\nimport time\ntime.sleep(900)');
  expect((await node.run(['rm', '-f', id])).status).toBe(0);
  expect((await under.outcome).status).toBe(125);
  const told = async () => (await eventsOf(node)).flatMap(({ event }) => (event.kernelId === id ? [event] : []));
  await expect
    .poll(async () => (await told()).slice(-2), { timeout: 20_000 })
    .toMatchObject([{ type: 'execution-finished', reason: 'kernel-ended' }, { type: 'kernel-terminated' }]);
});

async function socketFolder(id: string): Promise<string> {
  const files = await readdir(node.stateDir, { recursive: true });
  const socket = files.find((file) => file.includes(id) && path.basename(file) === 'runner.sock');
  if (socket === undefined) throw new Error(`kernel ${id} has no socket below ${node.stateDir}`);
  return path.dirname(path.join(node.stateDir, socket));
}
