import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { OpenFileCache } from './open-file-cache.ts';
import { ProcessReader } from './process-reader.ts';

it('reads the processes that there are, each with the time at which it was read', async () => {
  const clock = new FakeClock();
  await clock.advance(5000);
  const reader = new ProcessReader(new OpenFileCache({ maxOpen: 0 }), clock);
  const samples = await reader.read([process.pid, 2 ** 22 + 1], new AbortController().signal);
  expect([...samples.keys()]).toEqual([process.pid]);
  const { cpuMicroseconds = 0, memoryBytes = 0, at } = samples.get(process.pid) ?? {};
  expect(at).toBe(clock.monotonic() / 1000);
  expect(cpuMicroseconds).toBeGreaterThan(10_000);
  expect(memoryBytes).toBeGreaterThan(2 ** 20);
});
