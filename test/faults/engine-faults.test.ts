/** A daemon whose engine fails, hangs, delays or loses replies: callers hear of it once, and nothing is left. */
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../support/command.ts';
import { uniqueName } from '../support/engine.ts';
import { type Fault, FaultProxy, type FaultRule } from '../support/fault-proxy.ts';
import { untilEmpty } from '../support/node-facts.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';
import { prewarmedNetworks } from '../support/prewarmed-networks.ts';
import { refusalOf } from '../support/refusal.ts';

let proxy: FaultProxy;
let node: NodeUnderTest;
beforeAll(async () => {
  const engine = (process.env['DOCKER_HOST'] ?? '').replace(/^unix:\/\//, '');
  proxy = await FaultProxy.start(engine, path.join(tmpdir(), `${uniqueName('kernelet-proxy')}.sock`));
  node = await NodeUnderTest.started({ dockerHost: proxy.dockerHost });
  // So that none is made in the midst of a test, whose faults would meet it.
  await prewarmedNetworks(node);
});
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  await proxy?.[Symbol.asyncDispose]();
});

type Call = Pick<FaultRule, 'method' | 'path'>;

const calls = {
  create: { method: 'POST', path: /^\/containers\/create$/ },
  start: { method: 'POST', path: /^\/containers\/[^/]+\/start$/ },
  kill: { method: 'POST', path: /^\/containers\/[^/]+\/kill$/ },
  inspect: { method: 'GET', path: /^\/containers\/[^/]+\/json$/ },
  remove: { method: 'DELETE', path: /^\/containers\/[^/]+$/ },
} as const satisfies Record<string, Call>;

const refusing: Fault = { kind: 'error', status: 500, message: 'planted failure' };
const losing: Fault = { kind: 'lose-reply' };
const delaying: Fault = { kind: 'delay', delayMs: 1_500 };

const create = () => node.run(['--json', 'create', '--lang', 'shell', '--publish', '8000']);

function idOf(text: string): string {
  return /"id":"([0-9a-f-]{36})"/.exec(text)?.[1] ?? '';
}

/** The node does its whole work again. */
async function expectWorking(): Promise<void> {
  const outcome = await node.run(['run', '--lang', 'shell', '-c', 'echo works']);
  expect(outcome).toMatchObject({ status: 0, text: 'works\n' });
  await untilEmpty(node);
}

/** A kernel's life while one call goes wrong once: both commands are answered, soon and clearly. */
async function lifeWith(rule: FaultRule): Promise<{ created: string; removed: string; hits: number }> {
  using planted = proxy.plant({ times: 1, ...rule });
  const begun = performance.now();
  const first = await create();
  const created = first.status === 0 ? 'done' : refusalOf(first).message;
  let removed = 'nothing to remove';
  if (first.status === 0) {
    const second = await node.run(['--json', 'rm', idOf(first.text)]);
    removed = second.status === 0 ? 'done' : second.stderr;
  }
  expect(performance.now() - begun).toBeLessThan(25_000);
  return { created, removed, hits: planted.hits };
}

// @promise engine-hangs
describe('a call that goes wrong once', () => {
  it.each(['create', 'start'] as const)(
    '%s is refused: the creation fails with the words of the engine',
    async (name) => {
      const { created, hits } = await lifeWith({ ...calls[name], fault: refusing });
      expect([hits, created]).toEqual([1, expect.stringContaining('planted failure')]);
      await untilEmpty(node);
      await expectWorking();
    },
  );

  it.each(['inspect', 'remove'] as const)('%s is refused: the removal is tried again', async (name) => {
    expect(await lifeWith({ ...calls[name], fault: refusing })).toEqual({ created: 'done', removed: 'done', hits: 1 });
    await expectWorking();
  });

  it.each(['create', 'start', 'inspect', 'remove'] as const)(
    '%s is late: the command only takes longer',
    async (name) => {
      expect(await lifeWith({ ...calls[name], fault: delaying })).toEqual({
        created: 'done',
        removed: 'done',
        hits: 1,
      });
      await untilEmpty(node);
    },
  );

  it.each(['create', 'start', 'inspect', 'remove'] as const)(
    'the reply to %s is lost: it is answered or refused once, and nothing is left',
    async (name) => {
      const { created, removed, hits } = await lifeWith({ ...calls[name], fault: losing });
      expect(hits).toBe(1);
      expect(['done', 'nothing to remove']).toContain(removed);
      if (created !== 'done') expect(created).toMatch(/engine/);
      await untilEmpty(node);
      await expectWorking();
    },
  );

  it.each([refusing, losing, { kind: 'hang' } as const])('kill, %j: no life depends on it', async (fault) => {
    const life = await lifeWith({ ...calls.kill, times: 1_000, fault });
    expect(life).toMatchObject({ created: 'done', removed: 'done' });
  });
});

describe('a call that goes wrong again and again', () => {
  it('remove: the caller is told, and the kernel goes once the engine is well', async () => {
    const id = idOf((await create()).text);
    {
      using _ = proxy.plant({ ...calls.remove, fault: refusing });
      const begun = performance.now();
      const outcome = await node.run(['rm', id]);
      expect(outcome.status).toBe(125);
      expect(outcome.stderr).toMatch(new RegExp(`${id}.*planted failure.*tried again`));
      expect(performance.now() - begun).toBeLessThan(25_000);
    }
    await untilEmpty(node);
    await expectWorking();
  });

  it('remove, while a creation fails: the caller hears of the creation', async () => {
    {
      using _start = proxy.plant({ ...calls.start, fault: { ...refusing, message: 'planted at start' } });
      using _remove = proxy.plant({ ...calls.remove, fault: refusing });
      expect(refusalOf(await create()).message).toMatch(/planted at start/);
    }
    await untilEmpty(node);
    await expectWorking();
  });
});

describe('a call that hangs', () => {
  // @promise one-hangs-alone
  it('ends at its deadline and holds up no other kernel', async () => {
    const third = idOf((await create()).text);
    const outcomes: Promise<Outcome>[] = [];
    // One after another, so that each plants its fault under its own command.
    const begin = async (call: Call, command: () => Promise<Outcome>): Promise<void> => {
      const planted = proxy.plant({ ...call, fault: { kind: 'hang' }, times: 1 });
      outcomes.push(command());
      while (planted.hits === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      planted[Symbol.dispose]();
    };
    await begin(calls.create, create);
    await begin(calls.start, create);
    await begin(calls.remove, () => node.run(['--json', 'rm', third]));
    await expect(node.run(['run', '--lang', 'shell', '-c', 'echo meanwhile'])).resolves.toMatchObject({
      status: 0,
      text: 'meanwhile\n',
    });
    const [created, started, removed] = await Promise.all(outcomes);
    if (!created || !started || !removed) throw new Error('a command is missing');
    expect(refusalOf(created)).toMatchObject({ status: 125, message: expect.stringMatching(/container/) });
    expect(refusalOf(started)).toMatchObject({ status: 125, message: expect.stringMatching(/start/) });
    if (removed.status !== 0)
      expect(removed.stderr).toMatch(new RegExp(`${third} could not be removed yet.*tried again`));
    await untilEmpty(node);
    await expectWorking();
  });
});
