/** A real engine with live-restore, which ends, stands still and comes back while the containers of kernels run on. */
import { describe, expect, it } from 'vitest';
import type { Kernel } from '../../src/http/api-types.ts';
import type { Outcome } from '../support/command.ts';
import { type ExtraEngine, emptyImage } from '../support/extra-engine.ts';
import { eventsOf, eventually, inspected, statusOf } from '../support/node-facts.ts';
import type { NodeUnderTest } from '../support/node-under-test.ts';
import { onOwnEngine } from '../support/own-engine.ts';
import { refused } from '../support/refusal.ts';

let engine: ExtraEngine;
let node: NodeUnderTest;
onOwnEngine(['--live-restore'], 'missing-grace = "1s"', (own) => {
  ({ engine, node } = own);
});

const viewOf = (id: string): Promise<Kernel> => inspected(node, id);
const textOf = async (id: string, code: string): Promise<string> => (await node.run(['exec', id, '-c', code])).text;
const create = (...more: readonly string[]) => ['create', '--image', emptyImage, '--lang', 'shell', ...more] as const;
const untilHealthy = (): Promise<true> =>
  eventually('the engine is healthy', async () => ((await statusOf(node)).engine.healthy ? true : null), 30_000);

/** Where the runner volume has its shell, in an image that has none. */
const bin = '/opt/backend.ai/bin';
const lines = Array.from({ length: 400 }, (_, index) => `${index + 1}\n`).join('');

interface Lively {
  readonly before: Kernel;
  /** Counts for at least twenty seconds, until it is let go. */
  readonly run: Promise<Outcome>;
}

/** A kernel with something in its memory, a server on its port, and a run under way. */
async function lively(): Promise<Lively> {
  const outcome = await node.run(create('--publish', '8000'));
  const id = outcome.text.trim();
  expect(outcome.status, outcome.stderr).toBe(0);
  expect(await textOf(id, 'echo served >page; here=1; echo $here')).toBe('1\n');
  expect((await node.run(['exec', '-d', id, '--', `${bin}/busybox`, 'httpd', '-f', '-p', '8000'])).status).toBe(0);
  const count = 'for n in $(seq 400); do echo $n; [ -e go ] || sleep 0.05; done';
  const { outcome: run } = node.start(['exec', id, '--', `${bin}/sh`, '-c', count]);
  const before = await viewOf(id);
  await expectServed(before);
  return { before, run };
}

async function expectServed({ ports }: Kernel): Promise<void> {
  const served = async () => await (await fetch(`http://127.0.0.1:${ports[0]?.hostPort}/page`)).text();
  expect(await eventually('the port answers', served)).toBe('served\n');
}

/** While the engine is away: it is said, and kernels are used. */
async function expectUsable({ id }: Kernel): Promise<void> {
  const missed = async () => {
    const { engine: seen, degraded } = await statusOf(node);
    return !seen.healthy && degraded.some(({ mode }) => mode === 'engine') ? true : null;
  };
  await eventually('the engine is missed', missed);
  expect(await textOf(id, 'echo $here')).toBe('1\n');
  expect((await node.run(['ps'])).text).toMatch(new RegExp(`^${id.slice(0, 8)}.* running `, 'm'));
}

/** Everything is as it was, and nobody was told otherwise. */
async function expectUntouched({ before, run }: Lively): Promise<void> {
  const { id } = before;
  await untilHealthy();
  expect(await textOf(id, 'echo $here; : >go')).toBe('1\n');
  expect(await run).toMatchObject({ status: 0, text: lines, stderr: '' });
  const { containerId, ports, createdAt } = before;
  expect(await viewOf(id)).toMatchObject({
    ...{ containerId, ports, createdAt, phase: 'running', restarts: null, missingSince: null, termination: null },
  });
  await expectServed(before);
  const told = (await eventsOf(node)).flatMap(({ event }) =>
    event.kernelId === id && /^kernel-|^reachability$/.test(event.type) ? [event.type] : [],
  );
  expect(told).toEqual(['kernel-preparing', 'kernel-creating', 'kernel-started']);
  const next = await node.run(['run', '--image', emptyImage, '--lang', 'shell', '-c', 'echo works']);
  expect(next).toMatchObject({ status: 0, text: 'works\n' });
  expect((await node.run(['rm', id])).status).toBe(0);
}

// @promise engine-outlived
describe('an engine with live-restore', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'ends by %s: kernels, their memory, runs and ports go on, also when it is back, and nobody hears of an end',
    async (signal) => {
      const kernel = await lively();
      await engine.end(signal);
      await expectUsable(kernel.before);
      const begun = performance.now();
      expect((await refused(node, create())).code).toBe('ENGINE_UNAVAILABLE');
      expect(performance.now() - begun).toBeLessThan(20_000);
      await engine.begin();
      await expectUntouched(kernel);
    },
    90_000,
  );

  it('ends with the daemon, and the next daemon takes over what has run on', async () => {
    const kernel = await lively();
    await node.endDaemon('SIGKILL');
    await engine.end('SIGKILL');
    await engine.begin();
    await node.startDaemon();
    await expectUntouched(kernel);
  }, 90_000);

  it('stands still: kernels are used, and a creation under way ends when it goes on, as everything does', async () => {
    const kernel = await lively();
    const creation = node.run(create());
    await engine.signal('SIGSTOP');
    try {
      await expectUsable(kernel.before);
    } finally {
      await engine.signal('SIGCONT');
    }
    const { status, text, stderr } = await creation;
    if (status === 0) expect(await textOf(text.trim(), 'echo there')).toBe('there\n');
    else expect(stderr).toContain('engine');
    await expectUntouched(kernel);
  }, 90_000);
});
