import { expect, it } from 'vitest';
import { withSharedMemory } from './device-arguments.ts';

it('takes shared memory from the memory, and never all of it', () => {
  expect(withSharedMemory({ memoryBytes: 100, cores: ['0'] }, 40)).toEqual({
    memoryBytes: 60,
    sharedMemoryBytes: 40,
    cores: ['0'],
  });
  expect(withSharedMemory({}, 40)).toEqual({ sharedMemoryBytes: 40 });
  for (const bytes of [100, 101, -1, 0.5, Number.NaN]) {
    expect(() => withSharedMemory({ memoryBytes: 100 }, bytes)).toThrow("can't be taken from 100 bytes");
  }
});
