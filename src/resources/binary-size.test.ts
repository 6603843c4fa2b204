import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Decimal, plainText } from '../lib/decimal.ts';
import {
  displayBinarySize,
  formatBinarySize,
  formatExactSize,
  parseBinarySize,
  parseFiniteBinarySize,
  type SizeUnit,
} from './binary-size.ts';

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

  it.each([
    ['1024', '1024'],
    ['1_000', '1000'],
    ['-5', '-5'],
    ['2k', '2048'],
    ['2 K', '2048'],
    ['2kb', '2048'],
    ['2kib', '2048'],
    ['2 kbytes', '2048'],
    ['2kibyte', '2048'],
    ['1 byte', '1'],
    ['2 bytes', '2'],
    ['0.001k', '1'],
    ['-1.5m', '-1572864'],
    ['1y', '1208925819614629174706176'],
    ['Infinity', 'Infinity'],
    ['infinite', 'Infinity'],
  ])('%j is %s', (text, bytes) => {
    expect(plainText(parseBinarySize(text))).toBe(bytes);
  });

  it.each<readonly [string, SizeUnit, string]>([
    ['0', 'auto', '0'],
    ['1023', 'auto', '1023'],
    ['1024', 'auto', '1k'],
    ['-1536', 'auto', '-1.5k'],
    ['1500000001', 'auto', '1.4g'],
    ['512', 'm', '0m'],
    ['1048576', 'k', '1024k'],
    ['Infinity', 'auto', 'Infinity'],
  ])('%s is written %s as %s', (bytes, unit, text) => {
    expect(formatBinarySize(new Decimal(bytes), unit)).toBe(text);
  });

  it.each([
    ['1', '1 byte', '1'],
    ['0', '0 bytes', '0'],
    ['512', '512 bytes', '512'],
    ['1024', '1 KiB', '1k'],
    ['1500000001', '1.4 GiB', '1500000001'],
    ['268435456', '256 MiB', '256m'],
    ['-1024', '-1 KiB', '-1024'],
    ['Infinity', 'Infinity', 'Infinity'],
  ])('%s is %s to people, and exactly %s', (bytes, shown, exact) => {
    expect([displayBinarySize(new Decimal(bytes)), formatExactSize(new Decimal(bytes))]).toEqual([shown, exact]);
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
