/** What a caller learns, and what is true, when calls to a real engine go wrong on the way. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DockerEngine } from '../../src/engine/docker/docker-engine.ts';
import { connectTestEngine, EngineLedger, shellSpec, within } from '../support/engine.ts';
import { FaultProxy } from '../support/fault-proxy.ts';

let folder: string;
/** Straight to the engine, to see what is true. */
let direct: DockerEngine;
let proxy: FaultProxy;
let engine: DockerEngine;
let ledger: EngineLedger;
const short = (): AbortSignal => within(30_000);

beforeAll(async () => {
  direct = await connectTestEngine();
  folder = await mkdtemp(path.join(tmpdir(), 'kernelet-faults-'));
});
afterAll(async () => {
  await direct?.[Symbol.asyncDispose]();
  if (folder) await rm(folder, { recursive: true });
});
beforeEach(async () => {
  proxy = await FaultProxy.start(direct.address.slice('unix://'.length), path.join(folder, 'proxy.sock'));
  engine = new DockerEngine({ dockerHost: proxy.dockerHost });
  ledger = new EngineLedger(direct);
});
afterEach(async () => {
  await ledger[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
});

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => 'success',
    (error: unknown) => Object(error).code,
  );
}

const calls = {
  create: { method: 'POST', path: /^\/containers\/create$/ },
  start: { method: 'POST', path: /^\/containers\/\w+\/start$/ },
  kill: { method: 'POST', path: /^\/containers\/\w+\/kill$/ },
  remove: { method: 'DELETE', path: /^\/containers\/\w+$/ },
} as const;

describe('a reply that is lost after success', () => {
  it('of create: the container is there, and a second attempt says so instead of making another', async () => {
    using planted = proxy.plant({ ...calls.create, fault: { kind: 'lose-reply' }, times: 1 });
    const spec = shellSpec('sleep 600');
    expect(await codeOf(engine.createContainer(spec, short()))).toBe('ENGINE_UNAVAILABLE');
    expect(planted.hits).toBe(1);
    const made = await direct.inspectContainer(spec.name, short());
    expect(made?.state).toBe('created');
    expect(await codeOf(engine.createContainer(spec, short()))).toBe('KERNEL_EXISTS');
    if (made) await direct.removeContainer(made.id, short());
  });

  it('of start, kill and remove: the attempt after it succeeds', async () => {
    const id = await ledger.create(shellSpec('sleep 600'));
    for (const call of [calls.start, calls.kill, calls.remove]) {
      proxy.plant({ ...call, fault: { kind: 'lose-reply' }, times: 2 });
    }
    const retry = async (operation: () => Promise<void>): Promise<string> => {
      const outcomes: unknown[] = [];
      while (outcomes.length < 4 && outcomes.at(-1) !== 'success') outcomes.push(await codeOf(operation()));
      return outcomes.join(' ');
    };
    const expected = /^(ENGINE_UNAVAILABLE ){1,2}success$/;
    expect(await retry(() => engine.startContainer(id, short()))).toMatch(expected);
    expect((await direct.inspectContainer(id, short()))?.state).toBe('running');
    expect(await retry(() => engine.killContainer(id, 'SIGKILL', short()))).toMatch(expected);
    expect(await direct.waitContainer(id, short())).toBe(137);
    expect(await retry(() => engine.removeContainer(id, short()))).toMatch(expected);
    expect(await direct.inspectContainer(id, short())).toBeNull();
  });
});

describe('an engine that', () => {
  it.each(['create', 'start', 'kill', 'remove'] as const)('hangs on %s is left at the deadline', async (name) => {
    proxy.plant({ ...calls[name], fault: { kind: 'hang' } });
    const spec = shellSpec('sleep 600');
    const id = await ledger.create(spec);
    const operations = {
      create: () => engine.createContainer({ ...spec, name: `${spec.name}-2` }, within(300)),
      start: () => engine.startContainer(id, within(300)),
      kill: () => engine.killContainer(id, 'SIGKILL', within(300)),
      remove: () => engine.removeContainer(id, within(300)),
    };
    const begun = performance.now();
    expect(await codeOf(operations[name]())).toBe('DEADLINE_EXCEEDED');
    expect(performance.now() - begun).toBeLessThan(2_000);
    await engine.ping(short());
  });

  it('refuses is quoted, and one that is late is waited for', async () => {
    const id = await ledger.create(shellSpec('sleep 600'));
    using refused = proxy.plant({ ...calls.start, fault: { kind: 'error', status: 500, message: 'no more cheese' } });
    await expect(engine.startContainer(id, short())).rejects.toThrow('no more cheese');
    expect(refused.hits).toBe(1);
    refused[Symbol.dispose]();
    using late = proxy.plant({ ...calls.start, fault: { kind: 'delay', delayMs: 300 } });
    await engine.startContainer(id, short());
    expect(late.hits).toBe(1);
  });

  it('cuts a listing in the middle is unavailable, not empty', async () => {
    await ledger.create(shellSpec('true'));
    proxy.plant({ path: /^\/containers\/json$/, fault: { kind: 'truncate', bytes: 40 } });
    expect(await codeOf(engine.listContainers({}, short()))).toBe('ENGINE_UNAVAILABLE');
  });

  it('is restarted meets callers that connect again by themselves', async () => {
    await engine.ping(short());
    await engine.listContainers({}, short());
    proxy.cutConnections();
    await engine.listContainers({}, short());
    const controller = new AbortController();
    const seen: string[] = [];
    for await (const event of engine.events(controller.signal)) {
      seen.push(event.type);
      if (seen.length === 1) proxy.cutConnections();
      if (seen.length === 3) controller.abort();
    }
    expect(seen).toEqual(['connected', 'disconnected', 'connected']);
  });
});
