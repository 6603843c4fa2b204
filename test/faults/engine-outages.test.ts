/** An engine that is not there, goes away, comes back or answers nothing at all. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { program } from '../support/command.ts';
import { uniqueName } from '../support/engine.ts';
import { engineCall } from '../support/engine-api.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { eventsOf, eventually, kernelsOf, statusOf, untilEmpty } from '../support/node-facts.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';
import { prewarmedNetworks } from '../support/prewarmed-networks.ts';
import { refused } from '../support/refusal.ts';

const engine = (process.env['DOCKER_HOST'] ?? '').replace(/^unix:\/\//, '');
const proxyPath = path.join(tmpdir(), `${uniqueName('kernelet-proxy')}.sock`);
const everything = /^\//;

let proxy: FaultProxy;
let node: NodeUnderTest;
beforeAll(async () => {
  proxy = await FaultProxy.start(engine, proxyPath);
  node = await NodeUnderTest.started({ dockerHost: proxy.dockerHost });
  // So that none is made in the midst of a test, whose faults would meet it.
  await prewarmedNetworks(node);
});
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  await proxy?.[Symbol.asyncDispose]();
});

async function timed<T>(work: Promise<T>): Promise<{ result: T; seconds: number }> {
  const begun = performance.now();
  const result = await work;
  return { result, seconds: (performance.now() - begun) / 1000 };
}

describe('an engine that answers nothing', () => {
  // @promise engine-hangs
  it('leaves running kernels usable, and every other command ends in time', async () => {
    const id = await node.create('--lang', 'python');
    await node.run(['exec', id, '-c', 'state = "kept"']);
    {
      using _ = proxy.plant({ path: everything, fault: { kind: 'hang' } });
      expect((await timed(node.run(['exec', id, '-c', 'state']))).result.text).toBe("'kept'\n");
      expect(await kernelsOf(node)).toMatchObject([{ id, phase: 'running' }]);
      const commands: (readonly string[])[] = [
        ['create', '--lang', 'shell'],
        ['run', '--lang', 'shell', '-c', 'echo no'],
        ['image', 'ls'],
        ['image', 'inspect', 'kernelet/shell'],
        ['logs', id],
      ];
      const ends = await Promise.all(commands.map((command) => timed(refused(node, command))));
      for (const [index, { result, seconds }] of ends.entries()) {
        expect([commands[index], result.code]).toEqual([
          commands[index],
          expect.stringMatching(/^(DEADLINE_EXCEEDED|ENGINE_UNAVAILABLE)$/),
        ]);
        expect([commands[index], seconds < 60]).toEqual([commands[index], true]);
      }
    }
    expect((await node.run(['rm', id])).status).toBe(0);
    await untilEmpty(node);
  });
});

describe('an engine that is restarted', () => {
  it('cuts its connections: kernels stay, and what happens afterwards is noticed', async () => {
    const id = await node.create('--lang', 'python');
    const { outcome } = node.start(['exec', id, '-c', 'import time\nfor i in range(8): print(i); time.sleep(0.2)']);
    await sleep(500);
    proxy.cutConnections();
    expect(await outcome).toMatchObject({ status: 0, text: '0\n1\n2\n3\n4\n5\n6\n7\n' });
    await eventually('the engine is healthy again', async () => ((await statusOf(node)).engine.healthy ? true : null));
    const [kernel] = await kernelsOf(node);
    await engineCall('POST', `/containers/${kernel?.containerId}/kill`);
    await eventually('the kernel has ended', async () => ((await kernelsOf(node)).length === 0 ? true : null));
    await untilEmpty(node);
  });

  // @promise engine-hangs
  it('is away for a while: requests say so, and a container that died meanwhile has ended once', async () => {
    const [dies, lives] = [await node.create('--lang', 'shell'), await node.create('--lang', 'shell')];
    const container = (await kernelsOf(node)).find((kernel) => kernel.id === dies)?.containerId;
    await proxy[Symbol.asyncDispose]();
    await engineCall('POST', `/containers/${container}/kill`);
    await eventually('the outage is noticed', async () => ((await statusOf(node)).engine.healthy ? null : true));
    const { result, seconds } = await timed(refused(node, ['create', '--lang', 'shell']));
    expect(result).toMatchObject({ code: 'ENGINE_UNAVAILABLE', message: expect.stringContaining(proxyPath) });
    expect(seconds).toBeLessThan(20);
    expect((await node.run(['exec', lives, '-c', 'echo lives'])).text).toBe('lives\n');
    const removal = node.run(['rm', lives]);
    await sleep(1_000);
    proxy = await FaultProxy.start(engine, proxyPath);
    expect((await removal).status).toBe(0);
    await untilEmpty(node);
    const ends = (await eventsOf(node)).filter(({ event }) => event.type === 'kernel-terminated');
    expect(ends.filter(({ event }) => event.kernelId === dies)).toHaveLength(1);
    expect(ends.filter(({ event }) => event.kernelId === lives)).toHaveLength(1);
  });

  it('is gone while a kernel is being created: the creation ends, and nothing is left', async () => {
    for (const pauseMs of [30, 120, 250, 400]) {
      const creation = node.run(['--json', 'create', '--lang', 'shell']);
      await sleep(pauseMs);
      proxy.cutConnections();
      const outcome = await creation;
      if (outcome.status === 0) {
        const id = /"id":"([0-9a-f-]{36})"/.exec(outcome.text)?.[1] ?? '';
        expect((await node.run(['exec', id, '-c', 'echo whole'])).text).toBe('whole\n');
        expect((await node.run(['rm', id])).status).toBe(0);
      } else {
        expect(outcome.stderr).toMatch(/engine/);
      }
      await untilEmpty(node);
    }
  });
});

describe('an engine that is not there at the start', () => {
  let daemon: ChildProcess;
  afterAll(() => {
    daemon?.kill('SIGKILL');
  });

  it('is waited for: requests are answered with what is the matter, and work once it is there', async () => {
    await node.endDaemon('SIGTERM');
    await proxy[Symbol.asyncDispose]();
    daemon = spawn(program, ['serve', '--log-level', 'error'], {
      env: { ...process.env, ...node.environment },
      cwd: node.folder,
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    // It listens before it has asked the engine for the first time.
    const missing = async () => {
      const status = await statusOf(node);
      return status.engine.healthy ? null : status;
    };
    expect(await eventually('the engine is missed', missing, 10_000)).toMatchObject({ phase: 'recovering' });
    const { result, seconds } = await timed(refused(node, ['ps']));
    expect(result).toMatchObject({ code: 'ENGINE_UNAVAILABLE', message: expect.stringContaining(proxyPath) });
    expect(seconds).toBeLessThan(30);
    proxy = await FaultProxy.start(engine, proxyPath);
    await eventually('the daemon is ready', async () => ((await statusOf(node)).phase === 'ready' ? true : null));
    expect(await node.run(['run', '--lang', 'shell', '-c', 'echo there'])).toMatchObject({
      status: 0,
      text: 'there\n',
    });
    const ended = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  // @promise stop-in-time
  it('does not hinder a daemon from stopping', async () => {
    await proxy[Symbol.asyncDispose]();
    daemon = spawn(program, ['serve', '--log-level', 'error'], {
      env: { ...process.env, ...node.environment },
      cwd: node.folder,
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    await eventually('the daemon listens', async () => await statusOf(node), 10_000);
    const ended = once(daemon, 'exit');
    const { seconds } = await timed(
      (async () => {
        daemon.kill('SIGTERM');
        expect(await ended).toEqual([0, null]);
      })(),
    );
    expect(seconds).toBeLessThan(10);
    proxy = await FaultProxy.start(engine, proxyPath);
  });

  it('is named by a command that has no daemon, in one sentence', async () => {
    const { result, seconds } = await timed(
      refused(node, ['run', '--lang', 'shell', '-c', 'true'], {
        environment: { DOCKER_HOST: 'unix:///tmp/kernelet-no-such-engine.sock' },
      }),
    );
    expect(result).toMatchObject({ code: 'ENGINE_UNAVAILABLE', status: 125 });
    expect(result.message).toContain('/tmp/kernelet-no-such-engine.sock');
    expect(seconds).toBeLessThan(15);
  });
});
