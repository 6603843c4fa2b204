import { expect, it } from 'vitest';
import { alternativesOf, idlePatterns } from './rule-patterns.mjs';

it('counts each alternative of a pattern by itself', () => {
  expect(alternativesOf('^src/(a|b)/(c|d)\\.ts$')).toEqual([
    '^src/a/c\\.ts$',
    '^src/a/d\\.ts$',
    '^src/b/c\\.ts$',
    '^src/b/d\\.ts$',
  ]);
  expect(alternativesOf('\\.test(-support)?\\.ts$')).toEqual(['\\.test(-support)?\\.ts$']);
});

it('finds the folder of a rule that is gone, on either side of the arrow', () => {
  const rules = [
    { name: 'up', from: { path: '^src/(lib|rpc)/' }, to: { path: '^src/agent/', pathNot: ['^src/agent/gone\\.ts$'] } },
  ];
  expect(idlePatterns(rules, ['src/lib/clock.ts', 'src/agent/agent.ts'])).toEqual([
    { name: 'up', pattern: '^src/rpc/' },
    { name: 'up', pattern: '^src/agent/gone\\.ts$' },
  ]);
});
