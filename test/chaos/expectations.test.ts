import { expect, it } from 'vitest';
import { Expectations } from './expectations.ts';

it('a kernel that nobody ended has to run, one that a client ended may be gone, and what a client was told has to be so', () => {
  const kernels = new Expectations();
  kernels.begin(['witness', 'lost', 'restarted', 'removed', 'back']);
  kernels.mayEnd('restarted');
  kernels.mustBeGone('removed');
  kernels.mustBeGone('back');
  kernels.mustRun('made');
  expect(kernels.problems(new Set(['witness', 'back', 'unknown']))).toEqual([
    'lost was running, nobody has ended it, and it is gone',
    'made was running, nobody has ended it, and it is gone',
    'a client was told that back is gone, and it runs',
  ]);
  expect(kernels.problems(new Set(['witness', 'lost', 'restarted', 'made']))).toEqual([]);
  kernels.begin(['witness']);
  kernels.lie('exec printed half of it');
  expect(kernels.problems(new Set(['witness']))).toEqual(['exec printed half of it']);
});
