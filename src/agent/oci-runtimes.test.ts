import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { KerneletError } from '../lib/errors.ts';
import { silentLogger } from '../lib/log.ts';
import { keepSecret } from '../lib/redaction.ts';
import { OciRuntimes } from './oci-runtimes.ts';

const end = new AbortController();
const { signal } = end;
const refusal = new KerneletError('NOT_SUPPORTED', 'no kernel runs under the OCI runtime runsc: no socket');

/** Runtimes that are tried as the answers say, one after the other; without one a trial goes on. */
function made(...answers: readonly (KerneletError | null)[]) {
  const clock = new FakeClock();
  const tried: string[] = [];
  const left = [...answers];
  let removed = 0;
  const boot = async (name: string): Promise<void> => {
    tried.push(name);
    const answer = left.shift();
    if (answer === undefined) return await new Promise(() => {});
    if (answer) throw answer;
  };
  const removeLeft = async (): Promise<void> => {
    removed += 1;
    throw new KerneletError('ENGINE_FAILED', 'not yet');
  };
  const runtimes = new OciRuntimes({
    names: ['runsc', 'kata'],
    trials: { boot, removeLeft },
    clock,
    log: silentLogger,
  });
  void runtimes.keepTrying(signal).catch(() => {});
  return { runtimes, clock, tried, removals: () => removed };
}

const stateOf = (runtimes: OciRuntimes) => runtimes.list().find(({ name }) => name === 'runsc');

describe('OCI runtimes', () => {
  it('are given to kernels once each was tried, and those who ask before wait', async () => {
    const { runtimes, tried } = made(null, refusal);
    expect(runtimes.list().map(({ state }) => state)).toEqual(['unknown', 'unknown']);
    await runtimes.assertUsable('runsc', signal);
    await expect(runtimes.assertUsable('kata', signal)).rejects.toBe(refusal);
    expect(tried).toEqual(['runsc', 'kata']);
    expect(runtimes.list()).toEqual([
      { name: 'runsc', state: 'usable', detail: '' },
      { name: 'kata', state: 'refused', detail: refusal.message },
    ]);
  });

  it('are shown without secrets that an engine has repeated', async () => {
    keepSecret('of-a-registry');
    const { runtimes } = made(new KerneletError('NOT_SUPPORTED', 'the engine says of-a-registry'), null);
    await runtimes.assertUsable('kata', signal);
    expect(stateOf(runtimes)?.detail).toBe('the engine says [redacted]');
  });

  it('have what trials have left removed before the next ones and each minute, and are tried also while it cannot be', async () => {
    const { runtimes, clock, tried, removals } = made(null, null);
    await runtimes.assertUsable('kata', signal);
    expect([removals(), tried.length]).toEqual([1, 2]);
    await clock.advance(60_000);
    expect(removals()).toBe(2);
  });

  it('let nobody wait beyond what ends the request', async () => {
    const { runtimes } = made();
    const leaving = new AbortController();
    const asked = runtimes.assertUsable('runsc', leaving.signal);
    leaving.abort(new Error('it has left'));
    await expect(asked).rejects.toThrow('it has left');
  });

  it('are tried again a minute after they were refused, and not while they are usable', async () => {
    const { runtimes, clock, tried } = made(refusal, null, null);
    await clock.advance(59_000);
    expect(tried).toEqual(['runsc', 'kata']);
    await clock.advance(1_000);
    expect(tried).toEqual(['runsc', 'kata', 'runsc']);
    expect(stateOf(runtimes)).toMatchObject({ state: 'usable', detail: '' });
    await clock.advance(600_000);
    expect(tried).toHaveLength(3);
  });

  it('are not refused for an engine that does not answer, which is asked again soon', async () => {
    const gone = new KerneletError('ENGINE_UNAVAILABLE', 'nobody answers');
    const { runtimes, clock } = made(gone, null, null);
    await expect(runtimes.assertUsable('runsc', signal)).rejects.toBe(gone);
    expect(stateOf(runtimes)).toEqual({ name: 'runsc', state: 'unknown', detail: gone.message });
    await clock.advance(2_000);
    await runtimes.assertUsable('runsc', signal);
  });

  it('are those alone that the operator has named', async () => {
    const { runtimes } = made();
    await expect(runtimes.assertUsable('runc', signal)).rejects.toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('names runsc, kata') }),
    );
  });

  it('are found out by the creation where nothing is tried ahead', async () => {
    const untried = new OciRuntimes({ names: ['runsc'], trials: null, clock: new FakeClock(), log: silentLogger });
    await untried.keepTrying(signal);
    await untried.assertUsable('runsc', signal);
    expect(untried.list()).toEqual([]);
    await expect(untried.assertUsable('kata', signal)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});
