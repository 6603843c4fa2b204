import { describe, expect, it } from 'vitest';
import { shellSpec } from '../../../test/support/engine.ts';
import { testImage } from '../../../test/support/kernels-fixture.ts';
import { DummyEngine } from '../../engine/dummy/dummy-engine.ts';
import { explainEnd, type Ground, logTail, observeContainer, outlivedUntil, reasonOf } from './container-end.ts';

const end = (exitCode: number, error = '') => ({ exitCode, error });
const [startedAt, finishedAt] = ['2026-01-01T00:00:00Z', '2026-01-01T01:00:00Z'];
const ended = (exitCode: number, outOfMemory = false) => ({ exitCode, outOfMemory, startedAt, finishedAt });
/** Nothing is known but what the engine says. */
const ground: Ground = { bootedAt: null, ranUntil: null, onEngineRestart: 'end' };
const later = Date.parse('2026-01-01T01:00:05Z');

// @promise true-cause
describe('why a container ended', () => {
  it('says memory limit only when the container itself was killed by it', () => {
    expect(reasonOf(ended(137, true), ground, null)).toBe('out-of-memory');
    expect(reasonOf(ended(1, true), ground, null)).toBe('self-terminated');
    expect(explainEnd(end(137), 'out-of-memory', '').detail).toContain('memory limit');
  });

  it.each([0, 137, 143, 255])('with status %i is the engine’s start when that came after its own', (status) => {
    expect(reasonOf(ended(status), ground, later)).toBe('engine-restart');
    expect(reasonOf(ended(status), ground, Date.parse(startedAt) - 1)).toBe('self-terminated');
    expect(reasonOf(ended(status), ground, null)).toBe('self-terminated');
    expect(reasonOf(ended(status), { ...ground, bootedAt: later }, later)).toBe('node-reboot');
  });

  it('is not the machine’s start when it was started after that', () => {
    const rebooted = { ...ground, bootedAt: Date.parse(startedAt) - 1 };
    expect(reasonOf(ended(0), rebooted, null)).toBe('self-terminated');
    expect(reasonOf(ended(0), rebooted, later)).toBe('engine-restart');
  });

  it('is its own when its program has failed, or when its engine was followed still', () => {
    expect(reasonOf(ended(1), { ...ground, bootedAt: later }, later)).toBe('self-terminated');
    const followed = { ...ground, ranUntil: Date.parse(finishedAt) + 1 };
    expect(reasonOf(ended(137), followed, later)).toBe('self-terminated');
    expect(reasonOf(ended(137), { ...followed, bootedAt: later }, later)).toBe('self-terminated');
  });

  it('is its own when another container that ran meanwhile ended long after it', () => {
    const at = (hour: string) => `2026-01-01T${hour}Z`;
    const other = (from: string, to: string) => ({ startedAt: at(from), finishedAt: at(to) });
    const of = (...others: ReturnType<typeof other>[]) => outlivedUntil({ finishedAt }, others);
    expect(of(other('00:30:00', '01:01:00'))).toBe(Date.parse(at('01:00:30')));
    // The engine ends them one after the other.
    expect(of(other('00:30:00', '01:00:20'))).toBeNull();
    // One that was started after it proves nothing: the engine may have been started in between.
    expect(of(other('01:00:01', '03:00:00'))).toBeNull();
    expect(of()).toBeNull();
    expect(of({ startedAt, finishedAt: '' })).toBeNull();
  });

  it('names the signal or the status, the engine’s words, and the end of the log after a failure', () => {
    expect(explainEnd(end(143), 'self-terminated', '').detail).toContain('signal 15');
    expect(explainEnd(end(127, 'no such file'), 'self-terminated', 'sh: x').detail).toMatch(
      /status 127 \(no such file\).*\nsh: x$/s,
    );
    expect(explainEnd(end(0), 'self-terminated', 'chatter').detail).not.toContain('chatter');
  });

  it('takes one that is being removed for one that somebody has removed', async () => {
    const engine = new DummyEngine({ images: [testImage] });
    const signal = AbortSignal.timeout(1_000);
    const id = await engine.createContainer(shellSpec(''), signal);
    await engine.startContainer(id, signal);
    expect(await observeContainer(engine, id, ground, signal)).toEqual({
      type: 'alive',
      containerId: id,
      isPaused: false,
    });
    engine.container(id).exit(3);
    expect(await observeContainer(engine, id, ground, signal)).toMatchObject({ type: 'dead', exitCode: 3 });
    const removing = {
      inspectContainer: async () => ({ ...engine.container(id).detail(), state: 'removing' as const }),
    };
    expect(await observeContainer(Object.assign(Object.create(engine), removing), id, ground, signal)).toEqual({
      type: 'removed',
    });
    await engine.removeContainer(id, signal);
    expect(await observeContainer(engine, id, ground, signal)).toEqual({ type: 'absent' });
  });

  it('asks the engine for its start only where that may have ended the container', async () => {
    const engine = new DummyEngine({ images: [testImage] });
    const signal = AbortSignal.timeout(1_000);
    const id = await engine.createContainer(shellSpec(''), signal);
    await engine.startContainer(id, signal);
    using _fault = engine.fail('startedAt', { kind: 'error' }, { times: 100 });
    const container = engine.container(id);
    container.exit(3);
    expect(await observeContainer(engine, id, ground, signal)).toMatchObject({ reason: 'self-terminated' });
    await engine.startContainer(id, signal);
    container.exit(137, { outOfMemory: true });
    expect(await observeContainer(engine, id, ground, signal)).toMatchObject({ reason: 'out-of-memory' });
    const rebooted = { ...ground, bootedAt: Date.now() + 60_000 };
    await engine.startContainer(id, signal);
    container.exit(143);
    expect(await observeContainer(engine, id, rebooted, signal)).toMatchObject({ reason: 'node-reboot' });
    await expect(observeContainer(engine, id, ground, signal)).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
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
