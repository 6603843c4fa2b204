import { describe, expect, it } from 'vitest';
import { shellSpec } from '../../test/support/engine.ts';
import { testImage } from '../../test/support/kernels-fixture.ts';
import { DummyEngine } from '../engine/dummy/dummy-engine.ts';
import { explainEnd, logTail, observeContainer } from './container-end.ts';

const end = (exitCode: number, outOfMemory = false, error = '') => ({ exitCode, outOfMemory, error });

describe('why a container ended', () => {
  it('says memory limit only when the container itself was killed by it', () => {
    expect(explainEnd(end(137, true), '')).toMatchObject({
      outOfMemory: true,
      detail: expect.stringContaining('memory limit'),
    });
    expect(explainEnd(end(1, true), '')).toMatchObject({ outOfMemory: false, exitCode: 1 });
  });

  it('names the signal or the status, the engine’s words, and the end of the log after a failure', () => {
    expect(explainEnd(end(143), '').detail).toContain('signal 15');
    expect(explainEnd(end(127, false, 'no such file'), 'sh: x').detail).toMatch(
      /status 127 \(no such file\).*\nsh: x$/s,
    );
    expect(explainEnd(end(0), 'chatter').detail).not.toContain('chatter');
  });

  it('takes one that is being removed for one that somebody has removed', async () => {
    const engine = new DummyEngine({ images: [testImage] });
    const signal = AbortSignal.timeout(1_000);
    const id = await engine.createContainer(shellSpec(''), signal);
    await engine.startContainer(id, signal);
    expect(await observeContainer(engine, id, signal)).toEqual({ type: 'alive', containerId: id });
    engine.container(id).exit(3);
    expect(await observeContainer(engine, id, signal)).toMatchObject({ type: 'dead', exitCode: 3 });
    const removing = {
      inspectContainer: async () => ({ ...engine.container(id).detail(), state: 'removing' as const }),
    };
    expect(await observeContainer(Object.assign(Object.create(engine), removing), id, signal)).toEqual({
      type: 'removed',
    });
    await engine.removeContainer(id, signal);
    expect(await observeContainer(engine, id, signal)).toEqual({ type: 'absent' });
  });

  it('reads the last 4 KiB of a log, without what steers a terminal, and nothing from a container that is gone', async () => {
    const engine = new DummyEngine({ images: [testImage] });
    const id = await engine.createContainer(shellSpec(''), AbortSignal.timeout(1_000));
    const container = engine.container(id);
    container.write('stdout', 'x'.repeat(10_000));
    container.write('stderr', '\u001b[31mred\u0007\n');
    const tail = await logTail(engine, id);
    expect(tail.length).toBeLessThanOrEqual(4096);
    expect(tail.endsWith('x[31mred')).toBe(true);
    await engine.removeContainer(id, AbortSignal.timeout(1_000));
    expect(await logTail(engine, id)).toBe('');
  });
});
