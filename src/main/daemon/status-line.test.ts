import { expect, it } from 'vitest';
import { statusLine } from './status-line.ts';

const check = (service: string, problem: string | null = null) => ({ service, at: 0, problem });

it.each([
  [
    'ready',
    2,
    [check('container-engine'), check('etcd'), check('redis')],
    '2 kernels; container-engine, etcd, redis answer',
  ],
  [
    'ready',
    1,
    [check('container-engine'), check('redis', 'late')],
    '1 kernel; container-engine answers; redis does not answer',
  ],
  ['recovering', 0, [check('container-engine', 'gone')], 'recovering; 0 kernels; container-engine does not answer'],
  ['ready', 0, [check('etcd', 'a'), check('redis', 'b')], '0 kernels; etcd, redis do not answer'],
] as const)('%s with %i kernels is one line', (phase, kernels, checks, line) => {
  expect(statusLine({ phase, kernels, checks })).toBe(line);
});
