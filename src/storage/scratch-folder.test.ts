import { expect, it } from 'vitest';
import { scratchFolder } from './scratch-folder.ts';

it('gives each agent a scratch folder of its own, also where several are told the same place', () => {
  const one = { scratch: '/real/one/scratch', tag: '00000001' };
  expect(scratchFolder(undefined, '/one', one)).toBe('/real/one/scratch');
  expect(scratchFolder('/one/scratch/', '/one', one)).toBe('/real/one/scratch');
  expect(scratchFolder('/fast', '/one', one)).toBe('/fast/kernelet-00000001');
  expect(scratchFolder('/fast', '/two', { scratch: '/two/scratch', tag: '00000002' })).toBe('/fast/kernelet-00000002');
});
