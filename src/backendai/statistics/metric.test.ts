import { describe, expect, it } from 'vitest';
import { Decimal } from '../../lib/decimal.ts';
import { Metric, type MetricDefinition } from './metric.ts';

const definition: MetricDefinition = {
  unit: 'percent',
  filter: new Set(),
  hook: 'rate',
  capacityFromFirst: false,
  rule: '26.8',
};
const fed = (samples: readonly (readonly [string, number])[]) => {
  const metric = new Metric(definition);
  for (const [value, at] of samples) metric.add(new Decimal(value), new Decimal(1000), at);
  return metric.toJSON();
};

describe('Metric', () => {
  it('has a rate of 0 when no time passed or the counter went back', () => {
    const same = [
      ['5', 1],
      ['9', 1],
    ] as const;
    const back = [
      ['5', 1],
      ['1', 2],
    ] as const;
    for (const samples of [same, back]) expect(fed(samples)).toMatchObject({ current: '0', pct: '0' });
  });

  it('has no share of a capacity that is 0, unknown or infinite', () => {
    for (const capacity of [null, new Decimal(0), new Decimal(Infinity)]) {
      const metric = new Metric({ ...definition, hook: null });
      metric.add(new Decimal(7), capacity, 1);
      expect(metric.toJSON()).toMatchObject({ current: '7', pct: '0.00' });
    }
  });

  it('is written before it has seen anything', () => {
    expect(new Metric(definition).toJSON()).toEqual({
      current: '0',
      capacity: null,
      pct: '0.00',
      unit_hint: 'percent',
    });
  });
});
