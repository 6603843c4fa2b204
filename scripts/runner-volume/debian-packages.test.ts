import { expect, it } from 'vitest';
import { parseDepends } from './debian-packages.ts';

it('the names of needed packages are read from a Depends field', () => {
  expect(parseDepends('libc6 (>= 2.34), libgmp10 (>= 2:6.2.1), zlib1g:any (>= 1:1.1.4), aa | bb\n')).toEqual([
    ...['libc6', 'libgmp10', 'zlib1g', 'aa'],
  ]);
  expect(parseDepends('\n')).toEqual([]);
});
