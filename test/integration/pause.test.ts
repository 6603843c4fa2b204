/** Pausing on a real engine: kernels stand still, keep everything, and go on for whatever needs them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engineCall } from '../support/engine-api.ts';
import { eventsOf, eventually, kernelsOf, type NodeKernel } from '../support/node-facts.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';

let node: NodeUnderTest;
let python: string;
beforeAll(async () => {
  node = await NodeUnderTest.started();
  python = await node.create('--lang', 'python');
});
afterAll(() => node[Symbol.asyncDispose]());

async function viewOf(id: string): Promise<NodeKernel> {
  const view = (await kernelsOf(node)).find((kernel) => kernel.id === id);
  if (!view) throw new Error(`kernel ${id} is not listed`);
  return view;
}
/** What the engine says of its container. */
async function stateOf(id: string): Promise<string> {
  const { containerId } = await viewOf(id);
  const { text } = await engineCall('GET', `/containers/${containerId}/json`);
  return (JSON.parse(text) as { readonly State: { readonly Status: string } }).State.Status;
}
const isPaused = (id: string, by: string): Promise<true> =>
  eventually(`the kernel is paused by ${by}`, async () => (await viewOf(id)).paused?.by === by || null, 10_000);
const exec = (...code: string[]) => node.run(['exec', python, ...code]);

describe('a paused kernel', () => {
  // @promise pause
  it('takes no CPU time, keeps what it has, and goes on for whatever is asked of it', async () => {
    expect((await exec('-c', 'x = 41')).status).toBe(0);
    expect((await exec('-d', '--', 'sh', '-c', 'while :; do :; done')).status).toBe(0);
    expect(await node.run(['pause', python])).toMatchObject({ status: 0, text: `${python}\n` });
    expect(await stateOf(python)).toBe('paused');
    expect((await node.run(['ps'])).text).toMatch(/running \(paused\)/);
    const cpu = async () => (await viewOf(python)).usage?.cpuSeconds ?? 0;
    const before = await cpu();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const statistics = JSON.parse((await node.run(['stats', '--json'])).text) as readonly object[];
    expect(statistics).toHaveLength(1);
    // The time of the last figures before it was paused may be missing in the first.
    expect((await cpu()) - before).toBeLessThan(1);
    expect((await exec('-c', 'x + 1')).text).toBe('42\n');
    expect(await viewOf(python)).toMatchObject({ paused: null, unreachableSince: null });
    for (const args of [
      ['ls', python],
      ['processes', python, '--json'],
    ]) {
      await node.run(['pause', python]);
      expect((await node.run(args)).status).toBe(0);
    }
    expect((await node.run(['resume', python])).status).toBe(0);
  });

  it('gives back what it has in the page cache', async () => {
    const id = await node.create('--lang', 'shell');
    const fill = 'head -c 50000000 /dev/zero > filled; cat filled > /dev/null; sync';
    expect((await node.run(['exec', id, '--', 'sh', '-c', fill])).status).toBe(0);
    const charged = async (): Promise<number> => {
      const { containerId } = await viewOf(id);
      const { text } = await engineCall('GET', `/containers/${containerId}/stats?stream=false&one-shot=true`);
      return (JSON.parse(text) as { readonly memory_stats: { readonly usage: number } }).memory_stats.usage;
    };
    expect(await charged()).toBeGreaterThan(40_000_000);
    await node.run(['pause', id]);
    expect((await node.run(['wait', id, '--for', 'paused'])).text).toBe(`${id}\n`);
    await eventually('memory is given back', async () => (await charged()) < 40_000_000 || null, 10_000);
    await node.run(['rm', '-f', id]);
  });

  // @promise pause
  it('stays paused over a daemon that is killed, and goes on with the next one', async () => {
    await node.run(['pause', python]);
    await node.endDaemon('SIGKILL');
    await node.startDaemon();
    await isPaused(python, 'request');
    expect((await exec('-c', 'x + 1')).text).toBe('42\n');
  });

  it.each([{ options: [] }, { options: ['--force'] }])(
    'ends when it is removed, options: $options',
    async ({ options }) => {
      const id = await node.create('--lang', 'shell');
      await node.run(['pause', id]);
      expect(await node.run(['rm', id, ...options])).toMatchObject({ status: 0, text: `${id}\n` });
    },
  );

  // @promise pause
  it('is shown as paused by others when somebody has asked the engine, raises no alarm, and can be resumed', async () => {
    const { containerId } = await viewOf(python);
    expect((await engineCall('POST', `/containers/${containerId}/pause`)).status).toBe(204);
    await isPaused(python, 'others');
    expect((await node.run(['inspect', python])).text).toMatch(/paused since: .*by others/);
    expect((await node.run(['unpause', python])).text).toBe(`${python}\n`);
    expect((await exec('-c', 'x + 1')).text).toBe('42\n');
    expect((await eventsOf(node)).filter(({ event }) => event.type === 'reachability')).toEqual([]);
  });
});

describe('a kernel that is idle', () => {
  // @promise pause-when-idle
  it('is paused after its time-out when it is to be, not while a process of it runs, and goes on for the next run', async () => {
    const id = await node.create('--lang', 'shell', '--idle-timeout', '1s', '--on-idle', 'pause');
    expect((await node.run(['exec', id, '-d', '--', 'sleep', '3'])).status).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(await stateOf(id)).toBe('running');
    await isPaused(id, 'idle');
    expect((await node.run(['exec', id, '--', 'echo', 'on'])).text).toBe('on\n');
    await node.run(['rm', '-f', id]);
  });
});

describe('a kernel with a time to live', () => {
  // @promise ttl
  it('ends when that is over, also when it is paused, and says why', async () => {
    const id = await node.create('--lang', 'shell', '--ttl', '3s');
    await node.run(['pause', id]);
    expect((await node.run(['wait', id, '--timeout', '30s'])).text).toBe('137\n');
    expect(JSON.parse((await node.run(['inspect', id, '--json'])).text)).toMatchObject({
      termination: { reason: 'expired' },
    });
  });
});
