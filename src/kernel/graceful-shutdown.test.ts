import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { FakeRunnerClient } from '../../test/support/kernels-fixture.ts';
import type { RunnerClientEvent } from '../runner-client/runner-client.ts';
import { shutDownGracefully } from './graceful-shutdown.ts';

const never = new Promise<never>(() => {});

/** A runner that takes a shutdown and says nothing more until it is told to go. */
class LeavingRunner extends FakeRunnerClient {
  #listener: (event: RunnerClientEvent) => void = () => {};
  answer: Promise<never> = never;
  constructor() {
    super({ socketPath: '/nowhere', secret: '' }, async () => {});
  }
  override async request(method: string, ...params: unknown[]): Promise<never> {
    this.requests.push(`${method} ${JSON.stringify(params[0])}`);
    return await this.answer;
  }
  override subscribe(listener: (event: RunnerClientEvent) => void): Disposable {
    this.#listener = listener;
    return { [Symbol.dispose]: () => {} };
  }
  say(event: RunnerClientEvent): void {
    this.#listener(event);
  }
  leave(): void {
    this.say({ type: 'disconnected' });
  }
}

function begin(untilEnded: (signal: AbortSignal) => Promise<unknown>) {
  const runner = new LeavingRunner();
  const clock = new FakeClock();
  const skip = new AbortController();
  let over = false;
  const done = shutDownGracefully(runner, { graceMs: 2000, clock, skip: skip.signal, untilEnded }).then(() => {
    over = true;
  });
  const isOver = async (): Promise<boolean> => {
    await new Promise((resolve) => setImmediate(resolve));
    return over;
  };
  return { runner, clock, skip, done, isOver };
}

describe('the graceful shutdown', () => {
  it('lasts until the container has ended, and not only until the runner has gone', async () => {
    const ended = Promise.withResolvers<void>();
    const { runner, done, isOver } = begin(() => ended.promise);
    expect(runner.requests).toEqual(['shutdown {"graceMs":2000}']);
    runner.leave();
    expect(await isOver()).toBe(false);
    ended.resolve();
    await done;
  });

  it('takes the going of the runner for it where the engine does not answer', async () => {
    const { runner, done, isOver } = begin(() => Promise.reject(new Error('no engine')));
    expect(await isOver()).toBe(false);
    runner.say({ type: 'connected' });
    expect(await isOver()).toBe(false);
    runner.leave();
    await done;
  });

  it('asks nobody for anything when it is skipped from the beginning', async () => {
    const runner = new LeavingRunner();
    const options = { graceMs: 2000, clock: new FakeClock(), skip: AbortSignal.abort() };
    await shutDownGracefully(runner, { ...options, untilEnded: () => never });
    expect(runner.requests).toEqual([]);
  });

  it('is over when the time is, when it is skipped, and leaves no request to the engine behind', async () => {
    let asked: AbortSignal | undefined;
    const hang = (signal: AbortSignal): Promise<never> => {
      asked = signal;
      return never;
    };
    const slow = begin(hang);
    await slow.clock.advance(2499);
    expect(await slow.isOver()).toBe(false);
    await slow.clock.advance(1);
    await slow.done;
    expect(asked?.aborted).toBe(true);
    const skipped = begin(hang);
    skipped.skip.abort();
    await skipped.done;
    expect(asked?.aborted).toBe(true);
  });
});
