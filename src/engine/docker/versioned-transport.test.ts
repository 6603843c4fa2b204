import { describe, expect, it } from 'vitest';
import { chooseApiVersion } from './versioned-transport.ts';

describe('chooseApiVersion', () => {
  it.each([
    ['1.41', '1.12', '1.41'],
    ['1.43', '1.24', '1.43'],
    ['1.44', '', '1.44'],
    ['1.52', '1.44', '1.44'],
  ])('speaks with an engine of %s (at least %s) in %s', (offered, least, chosen) => {
    expect(chooseApiVersion(offered, least)).toBe(chosen);
  });

  it.each([
    ['1.40', '1.12'],
    ['', ''],
    ['1.60', '1.45'],
    ['nonsense', '1.12'],
  ])('refuses an engine of %j (at least %j)', (offered, least) => {
    expect(() => chooseApiVersion(offered, least)).toThrow(/the container engine speaks/);
  });
});
