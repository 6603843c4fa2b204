import { describe, expect, it } from 'vitest';
import { Histogram } from '../../lib/histogram.ts';
import { exposition, type Family } from './exposition.ts';

const text = (...families: readonly Family[]): string => [...exposition(families)].join('');

describe('the text format', () => {
  it('names each family once, escapes what it must, and leaves out what is not known', () => {
    const gauge: Family = {
      name: 'x_bytes',
      type: 'gauge',
      help: 'A back\\slash and\na line.',
      series: [
        { labels: { name: 'a"b\\c\nd' }, value: 1.5 },
        { labels: { name: 'none' }, value: null },
        { value: Number.POSITIVE_INFINITY },
        { value: Number.NaN },
      ],
    };
    const empty: Family = { name: 'y', type: 'counter', help: 'Never.', series: [{ value: undefined }] };
    expect(text(gauge, empty)).toBe(
      [
        '# HELP x_bytes A back\\\\slash and\\na line.',
        '# TYPE x_bytes gauge',
        'x_bytes{name="a\\"b\\\\c\\nd"} 1.5',
        'x_bytes +Inf',
        'x_bytes NaN',
        '',
      ].join('\n'),
    );
  });

  it('counts up the buckets of a histogram', () => {
    const histogram = new Histogram([0.1, 1]);
    for (const value of [0.05, 0.1, 0.5, 3, 4]) histogram.observe(value);
    expect(
      text({ name: 'd_seconds', type: 'histogram', help: 'D.', series: [{ labels: { a: 'b' }, histogram }] }),
    ).toBe(
      [
        '# HELP d_seconds D.',
        '# TYPE d_seconds histogram',
        'd_seconds_bucket{a="b",le="0.1"} 2',
        'd_seconds_bucket{a="b",le="1"} 3',
        'd_seconds_bucket{a="b",le="+Inf"} 5',
        'd_seconds_sum{a="b"} 7.65',
        'd_seconds_count{a="b"} 5',
        '',
      ].join('\n'),
    );
  });

  it('has the quantiles, the sum and the count of a summary', () => {
    const series = [
      { labels: { a: 'b' }, quantiles: new Map([['0.5', 0.25]]), sum: 7, count: 9 },
      { quantiles: new Map(), sum: 0, count: 0 },
    ];
    expect(text({ name: 's_seconds', type: 'summary', help: 'S.', series })).toBe(
      [
        '# HELP s_seconds S.',
        '# TYPE s_seconds summary',
        's_seconds{a="b",quantile="0.5"} 0.25',
        's_seconds_sum{a="b"} 7',
        's_seconds_count{a="b"} 9',
        's_seconds_sum 0',
        's_seconds_count 0',
        '',
      ].join('\n'),
    );
  });

  it('comes in pieces of whole lines', () => {
    const series = Array.from({ length: 1000 }, (_, value) => ({ labels: { id: String(value) }, value }));
    const pieces = [...exposition([{ name: 'z', type: 'gauge', help: 'Z.', series }])];
    expect(pieces.length).toBeGreaterThan(4);
    for (const piece of pieces) expect(piece.endsWith('\n')).toBe(true);
    expect(pieces.join('').split('\n')).toHaveLength(1003);
  });
});
