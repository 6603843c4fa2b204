import { describe, expect, it } from 'vitest';
import { OptionReader, UsageError } from './option-reader.ts';

const options = (values: Record<string, unknown>) => new OptionReader(values);

describe('options', () => {
  it('are read by their long name, as commander keeps them', () => {
    const reader = options({ idleTimeout: '5m', env: ['A=1', 'B=2'], force: true, pull: 'never', mem: '1.5g' });
    expect(reader.duration('idle-timeout')).toBe(300_000);
    expect(reader.list('env')).toEqual(['A=1', 'B=2']);
    expect(reader.flag('force')).toBe(true);
    expect(reader.choice('pull', ['never', 'always'])).toBe('never');
    expect(reader.byteSize('mem')).toBe(1.5 * 1024 ** 3);
    expect(reader.text('mem')).toBe('1.5g');
  });

  it('that were not given are undefined, empty or false', () => {
    const reader = options({});
    expect([reader.text('a'), reader.duration('a'), reader.byteSize('a'), reader.number('a')]).toEqual(
      Array(4).fill(undefined),
    );
    expect([reader.integer('a', { min: 0 }), reader.choice('a', ['b'])]).toEqual([undefined, undefined]);
    expect([reader.list('a'), reader.flag('a')]).toEqual([[], false]);
  });

  it.each<readonly [keyof OptionReader & ('number' | 'duration' | 'byteSize'), string, RegExp]>([
    ['number', '0', /^--x "0" must be above 0$/],
    ['number', '-1', /^--x "-1" is not a number/],
    ['number', '1e3', /not a number/],
    ['number', '٣', /not a number/],
    ['number', '', /^--x "" is not a number/],
    ['duration', '0s', /above 0/],
    ['duration', '5', /^--x "5" is not a duration/],
    ['byteSize', '0', /above 0/],
    ['byteSize', '1q', /^--x "1q"/],
  ])('%s refuses %j, naming the option', (kind, text, message) => {
    expect(() => options({ x: text })[kind]('x')).toThrow(UsageError);
    expect(() => options({ x: text })[kind]('x')).toThrow(message);
  });

  it('take whole numbers where only they make sense', () => {
    expect(options({ after: '0' }).integer('after', { min: 0 })).toBe(0);
    for (const text of ['0', '1.5', '-1', '1e3', 'x', '9'.repeat(16)]) {
      expect(() => options({ processes: text }).integer('processes', { min: 1 })).toThrow(
        `--processes "${text}" is not a whole number from 1 on`,
      );
    }
  });
});
