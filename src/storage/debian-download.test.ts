import { expect, it } from 'vitest';
import { parseDepends } from './debian-download.ts';

it('reads what a package needs', () => {
  expect(parseDepends('libc6 (>= 2.34), libgmp10 (>= 2:6.2.1), zlib1g:any (>= 1:1.1.4), aa | bb\n')).toEqual([
    ...['libc6', 'libgmp10', 'zlib1g', 'aa'],
  ]);
  expect(parseDepends('\n')).toEqual([]);
});
