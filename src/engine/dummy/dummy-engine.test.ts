import { describe, expect, it } from 'vitest';
import { containerSpec } from '../../../test/support/engine-fixtures.ts';
import type { ErrorCode } from '../../lib/error-codes.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { ContainerSpec, EngineEvent } from '../engine.ts';
import { DummyEngine, type DummyEngineOptions } from './dummy-engine.ts';
import { dummyImage } from './dummy-images.ts';

const never = new AbortController().signal;

const spec = (change: Partial<ContainerSpec> = {}): ContainerSpec =>
  containerSpec({
    name: 'kernel.1',
    image: 'kernelet/base',
    entrypoint: ['/bin/sh'],
    labels: { owner: 'me' },
    ...change,
  });

const engineWith = (options: DummyEngineOptions = {}): DummyEngine =>
  new DummyEngine({ images: [dummyImage('kernelet/base')], ...options });

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | 'none'> {
  return await promise.then(
    () => 'none' as const,
    (error: unknown) => {
      if (error instanceof KerneletError) return error.code;
      throw error;
    },
  );
}

describe('the dummy engine', () => {
  it('walks a container through its life, idempotently', async () => {
    const engine = engineWith();
    const id = await engine.createContainer(spec(), never);
    await engine.startContainer(id, never);
    await engine.startContainer(id, never);
    expect((await engine.inspectContainer('kernel.1', never))?.state).toBe('running');
    const waiting = engine.waitContainer(id, never);
    await engine.pauseContainer(id, never);
    await engine.pauseContainer(id, never);
    expect((await engine.inspectContainer(id, never))?.state).toBe('paused');
    await engine.resumeContainer(id, never);
    await engine.resumeContainer(id, never);
    expect((await engine.inspectContainer(id, never))?.state).toBe('running');
    await engine.killContainer(id, 'SIGKILL', never);
    await engine.killContainer(id, 'SIGKILL', never);
    expect(await waiting).toBe(137);
    await engine.removeContainer(id, never);
    await engine.removeContainer(id, never);
    expect(await engine.inspectContainer(id, never)).toBeNull();
  });

  it('gives every container an id of its own', async () => {
    await using engine = engineWith();
    const ids = new Set<string>();
    for (let n = 0; n < 300; n += 1) ids.add(await engine.createContainer(spec({ name: `kernel.${n}` }), never));
    expect(ids.size).toBe(300);
  });

  it('refuses a taken name, a missing image and a taken port with the codes of the interface', async () => {
    const engine = engineWith();
    const port = { containerPort: 80, hostAddress: '127.0.0.1', hostPort: 30001 };
    const first = await engine.createContainer(spec({ ports: [port] }), never);
    expect(await codeOf(engine.createContainer(spec(), never))).toBe('KERNEL_EXISTS');
    expect(await codeOf(engine.createContainer(spec({ name: 'b', image: 'absent' }), never))).toBe('IMAGE_NOT_FOUND');
    const second = await engine.createContainer(spec({ name: 'c', ports: [port] }), never);
    await engine.startContainer(first, never);
    const error = await engine.startContainer(second, never).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'ENGINE_FAILED', context: { port: 30001 } });
  });

  it('streams connected first, then events, and ends when the signal aborts', async () => {
    const engine = engineWith({ onStart: (container) => container.exit(1, { outOfMemory: true }) });
    const controller = new AbortController();
    const seen: string[] = [];
    const name = (event: EngineEvent): string => (event.type === 'container' ? event.action : event.type);
    const reading = (async () => {
      for await (const event of engine.events(controller.signal)) {
        seen.push(name(event));
        if (seen.at(-1) === 'destroyed') engine.disconnectEvents();
        if (seen.at(-1) === 'connected' && seen.length > 1) controller.abort();
      }
    })();
    await new Promise(setImmediate);
    const id = await engine.createContainer(spec(), never);
    await engine.startContainer(id, never);
    await engine.removeContainer(id, never);
    await reading;
    const life = ['created', 'started', 'out-of-memory', 'died', 'destroyed'];
    expect(seen).toEqual(['connected', ...life, 'disconnected', 'connected']);
    expect(engine.eventReaders).toBe(0);
  });

  it('fails as planted: before the effect, after it, or not at all until aborted', async () => {
    const engine = engineWith();
    engine.fail('createContainer', { kind: 'error' });
    expect(await codeOf(engine.createContainer(spec(), never))).toBe('ENGINE_FAILED');
    expect(engine.containers).toHaveLength(0);
    engine.fail('createContainer', { kind: 'error-after-success' });
    expect(await codeOf(engine.createContainer(spec(), never))).toBe('ENGINE_FAILED');
    expect(engine.containers).toHaveLength(1);
    engine.fail('ping', { kind: 'hang' });
    const controller = new AbortController();
    const hanging = engine.ping(controller.signal);
    controller.abort(new KerneletError('DEADLINE_EXCEEDED', 'too long'));
    expect(await codeOf(hanging)).toBe('DEADLINE_EXCEEDED');
    expect(await codeOf(engine.ping(never))).toBe('none');
  });

  it('plants a failure for some subjects only, and takes it back', async () => {
    const engine = engineWith();
    const planted = engine.fail('createContainer', { kind: 'error' }, { matches: (call) => call.subject === 'b' });
    expect(await codeOf(engine.createContainer(spec({ name: 'a' }), never))).toBe('none');
    planted[Symbol.dispose]();
    expect(await codeOf(engine.createContainer(spec({ name: 'b' }), never))).toBe('none');
  });

  it('keeps a network until nothing is attached', async () => {
    const engine = engineWith();
    await engine.createNetwork({ name: 'net', labels: { owner: 'me' } }, never);
    const id = await engine.createContainer(spec({ network: 'net' }), never);
    await engine.startContainer(id, never);
    expect(await codeOf(engine.removeNetwork('net', never))).toBe('ENGINE_FAILED');
    await engine.removeContainer(id, never);
    await engine.removeNetwork('net', never);
    await engine.removeNetwork('net', never);
    expect(await engine.listNetworks({ owner: 'me' }, never)).toEqual([]);
  });

  it('follows a log to the end of the container', async () => {
    const engine = engineWith();
    const id = await engine.createContainer(spec(), never);
    await engine.startContainer(id, never);
    const container = engine.container(id);
    container.write('stdout', 'one');
    const texts: string[] = [];
    for await (const chunk of engine.containerLogs(id, { follow: true }, never)) {
      texts.push(Buffer.from(chunk.data).toString());
      if (texts.length === 1) container.write('stderr', 'two');
      else container.exit(0);
    }
    expect(texts).toEqual(['one', 'two']);
  });
});
