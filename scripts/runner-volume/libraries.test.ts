import { expect, it } from 'vitest';
import { parseListing } from './libraries.ts';

it('the listing of a loader gives each library with its path, and null for one that is missing', () => {
  const listing = [
    '\tlinux-vdso.so.1 (0x00007fff)',
    '\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f01)',
    '\tlibgone.so.1 => not found',
    '\t/lib64/ld-linux-x86-64.so.2 (0x00007f02)',
  ].join('\n');
  expect([...parseListing(listing)]).toEqual([
    ['libm.so.6', '/lib/x86_64-linux-gnu/libm.so.6'],
    ['libgone.so.1', null],
  ]);
});
