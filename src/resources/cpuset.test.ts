import { expect, it } from 'vitest';
import { parseCpuset } from './cpuset.ts';

it('reads lists of cores, and none that would fill the memory', () => {
  expect(parseCpuset('0-2,5,1')).toEqual([0, 1, 2, 5]);
  for (const text of ['0-999999', '70000', '1.5', '0-1-2', '0x1', '99999999999999']) {
    expect(() => parseCpuset(text)).toThrow('is not a list of CPU cores');
  }
});
