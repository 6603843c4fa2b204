/** The guard of an engine's identity alone: what it notes of the engine and leaves there, and when it takes that away. */
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DummyEngine } from '../../engine/dummy/dummy-engine.ts';
import { systemClock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import { newKernelId } from '../../lib/ids.ts';
import { silentLogger } from '../../lib/log.ts';
import type { ScratchFolders } from '../../storage/scratch.ts';
import { EngineIdentityGuard } from './engine-identity-guard.ts';

const never = new AbortController().signal;
const markName = 'kernelet-test';
const nothing = { listed: new Set<never>(), recorded: [] };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-marks-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** The guard of a process, with what it warns of; `homes` are there. */
function guardOf(engine: DummyEngine, homes: Awaited<ReturnType<ScratchFolders['list']>> = []) {
  const warned: string[] = [];
  const guard = new EngineIdentityGuard({
    ...{ engine, markName, marks: true, clock: systemClock },
    file: join(folder, 'engine.json'),
    scratch: { list: async () => homes },
    log: { ...silentLogger, warn: (text) => void warned.push(text) },
  });
  return { guard, warned };
}

const note = async (): Promise<{ readonly identity: string; readonly mark: string }> =>
  JSON.parse(await readFile(join(folder, 'engine.json'), 'utf8'));
const hasNote = (): Promise<boolean> =>
  access(join(folder, 'engine.json')).then(
    () => true,
    () => false,
  );

it('an engine that nothing is known of has nothing to prove, and nothing to be taken away', async () => {
  const engine = new DummyEngine();
  await engine.leaveMark(markName, 'of another', never);
  const before = engine.calls.length;
  const { guard } = guardOf(engine);
  await guard.confirm(never);
  await guard.leave(never);
  expect(engine.calls.slice(before)).toEqual([]);
  expect(await engine.readMark(markName, never)).toBe('of another');
});

it('an engine is forgotten with its mark by the last who leaves, and not while a home is there', async () => {
  const engine = new DummyEngine();
  const { guard } = guardOf(engine, [{ kernel: newKernelId() }] as never);
  await guard.check(nothing, never);
  await guard.leave(never);
  expect(await engine.readMark(markName, never)).toBe((await note()).mark);

  const last = guardOf(engine);
  await last.guard.check(nothing, never);
  await last.guard.leave(never);
  expect([await hasNote(), await engine.readMark(markName, never)]).toEqual([false, null]);
});

it('an engine that keeps its mark is forgotten all the same, with a word', async () => {
  const engine = new DummyEngine();
  const { guard, warned } = guardOf(engine);
  await guard.check(nothing, never);
  engine.fail('removeMark', { kind: 'error' });
  await guard.leave(never);
  expect(await hasNote()).toBe(false);
  expect(warned).toEqual(['the mark among the data of the engine could not be removed']);
});

it('an engine that calls itself something else is known by its mark, and noted so', async () => {
  const info = { identity: 'before', dataRoot: '/data' };
  const engine = new DummyEngine({ info });
  await guardOf(engine).guard.check(nothing, never);
  const before = await note();
  expect(before).toMatchObject({ identity: 'before' });
  info.identity = 'after';
  await guardOf(engine).guard.check(nothing, never);
  expect(await note()).toEqual({ ...before, identity: 'after' });
});

it('an engine that goes away while it is asked for its mark is not taken for anybody’s', async () => {
  const engine = new DummyEngine();
  const gone = new KerneletError('ENGINE_UNAVAILABLE', 'gone');
  engine.fail('readMark', { kind: 'error', error: gone });
  const { guard } = guardOf(engine);
  await expect(guard.check(nothing, never)).rejects.toBe(gone);
  expect([guard.trusted, await hasNote()]).toEqual([false, false]);
  await guard.check(nothing, never);
  expect([guard.trusted, await hasNote()]).toEqual([true, true]);
});
