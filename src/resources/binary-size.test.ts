import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Decimal, plainText } from '../lib/decimal.ts';
import { formatBinarySize, parseBinarySize, parseFiniteBinarySize } from './binary-size.ts';

describe('sizes in the forms of clients and resource.txt', () => {
  it('are read back within half of a hundredth of their unit', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 70n }), (bytes) => {
        const size = new Decimal(bytes.toString());
        const text = formatBinarySize(size, 'auto');
        const unit = /[a-z]$/.test(text) ? parseBinarySize(`1${text.slice(-1)}`) : new Decimal(1);
        expect(parseBinarySize(text).minus(size).abs().lte(unit.div(200).plus(1))).toBe(true);
        expect(text).not.toMatch(/e\+/i);
      }),
    );
  });

  it('are refused when nothing says what they are', () => {
    for (const text of ['', ' ', 'm', '.', '.m', '-', '1mm', 'infm', `${'1'.repeat(100)}k`]) {
      expect(() => parseBinarySize(text)).toThrow(/^size .* (is not a|has fractional)|is not a decimal number/);
    }
    expect(() => parseBinarySize('1.5')).toThrow('has fractional bytes');
    expect(() => parseFiniteBinarySize('inf')).toThrow('is infinite');
    expect(plainText(parseFiniteBinarySize('1.5k'))).toBe('1536');
  });
});
