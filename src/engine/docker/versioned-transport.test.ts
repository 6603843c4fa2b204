import { describe, expect, it } from 'vitest';
import { chooseApiVersion } from './versioned-transport.ts';

describe('chooseApiVersion', () => {
  it.each([
    ['1.41', '1.12', '1.41'],
    ['1.43', '1.24', '1.43'],
    ['1.44', '', '1.44'],
    ['1.52', '1.44', '1.44'],
  ])('speaks with an engine of %s (at minimum %s) in %s', (offered, minimum, chosen) => {
    expect(chooseApiVersion(offered, minimum)).toBe(chosen);
  });

  it.each([
    ['1.40', '1.12'],
    ['', ''],
    ['1.60', '1.45'],
    ['nonsense', '1.12'],
  ])('refuses an engine of %j (at minimum %j)', (offered, minimum) => {
    expect(() => chooseApiVersion(offered, minimum)).toThrow(/the container engine speaks/);
  });
});
