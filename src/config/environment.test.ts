import { describe, expect, it } from 'vitest';
import { rawValuesOfEnvironment } from './environment.ts';
import { definitions } from './schema.ts';

const named = [...definitions].flatMap(([key, { environment }]) =>
  (environment ?? []).map((name) => [name, key] as const),
);

describe('the environment', () => {
  it.each(named)('sets with %s what the reference says: %s', (name, key) => {
    const given = rawValuesOfEnvironment({ [name]: '7' }, new Map());
    expect([...given.keys()]).toContain(key);
    expect(given.get(key)).toMatchObject({ source: 'environment', place: expect.stringContaining(name) });
  });

  it('sets nothing with a blank variable', () => {
    expect(rawValuesOfEnvironment(Object.fromEntries(named.map(([name]) => [name, ''])), new Map()).size).toBe(0);
  });
});
