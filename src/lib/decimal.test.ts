import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cut, Decimal, floorTo, min, parseDecimal, plainText, roundEven, sum } from './decimal.ts';

describe('parseDecimal', () => {
  it.each([
    ['1', '1'],
    [' 1.50 ', '1.5'],
    ['+.5', '0.5'],
    ['-2.', '-2'],
    ['1E+3', '1000'],
    ['1e3', '1000'],
    ['1.5e-2', '0.015'],
    ['-0', '0'],
    ['inf', 'Infinity'],
    ['-Infinity', '-Infinity'],
  ])('reads %j as %s', (text, plain) => {
    expect(plainText(parseDecimal(text))).toBe(plain);
  });

  it.each(['', ' ', 'x', 'nan', 'NaN', '1 000', '0x10', '1e', 'infinite', '--1', '1e9999', '1'.repeat(300)])(
    'refuses %j',
    (text) => {
      expect(() => parseDecimal(text, 'the amount')).toThrow(/^the amount ".*" is not a decimal number$/);
    },
  );

  it('reads back what is written, exactly', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 27n), max: 10n ** 27n }), fc.nat({ max: 27 }), (digits, places) => {
        const value = new Decimal(digits.toString()).div(new Decimal(10).pow(places));
        expect(parseDecimal(plainText(value)).eq(value)).toBe(true);
      }),
    );
  });
});

describe('arithmetic', () => {
  it('is that of whole numbers for whole numbers of up to 28 digits', () => {
    const whole = fc.bigInt({ min: -(10n ** 27n), max: 10n ** 27n });
    fc.assert(
      fc.property(fc.array(whole, { maxLength: 5 }), (values) => {
        const total = values.reduce((left, right) => left + right, 0n);
        expect(plainText(sum(values.map((value) => new Decimal(value.toString()))))).toBe(total.toString());
      }),
    );
  });

  it('has 28 digits, ties to even', () => {
    expect(plainText(new Decimal(2).div(3))).toBe('0.6666666666666666666666666667');
    expect(['0.5', '1.5', '2.5', '-0.5'].map((text) => plainText(roundEven(new Decimal(text), 0)))).toEqual([
      '0',
      '2',
      '2',
      '0',
    ]);
    expect(plainText(cut(new Decimal('-1.99')))).toBe('-1');
    expect(plainText(floorTo(new Decimal('7.95'), new Decimal('0.1')))).toBe('7.9');
    expect(plainText(min(new Decimal(2), new Decimal(1)))).toBe('1');
  });
});
