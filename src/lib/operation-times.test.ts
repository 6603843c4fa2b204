import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { OperationTimes, watchMethods } from './operation-times.ts';

class Worker {
  readonly #name = 'worker';
  readonly kind = 'real';
  async work(wait: Promise<void>): Promise<string> {
    await wait;
    return this.#name;
  }
  name(): string {
    return this.#name;
  }
}

it('measures what answers with a promise, and passes everything else', async () => {
  const clock = new FakeClock();
  const times = new OperationTimes(clock);
  const worker = watchMethods(new Worker(), 'thing', times);
  const [good, bad] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const works = [worker.work(good.promise), worker.work(bad.promise)];
  expect([worker.kind, worker.name(), [...times.all()].map(({ underWay }) => underWay)]).toEqual([
    'real',
    'worker',
    [2],
  ]);
  await clock.advance(40);
  good.resolve();
  expect(await works[0]).toBe('worker');
  bad.reject(new Error('broken'));
  await expect(works[1]).rejects.toThrow('broken');
  const [timed] = times.all();
  expect(timed).toMatchObject({ component: 'thing', operation: 'work', underWay: 0 });
  expect([timed?.seconds.ok.sum, timed?.seconds.error.counts.reduce((sum, count) => sum + count)]).toEqual([0.04, 1]);
});
