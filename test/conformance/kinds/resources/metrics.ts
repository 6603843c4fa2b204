/** `metric` and `moving_stat`. */
import {
  Metric,
  MovingStatistics,
  type StatisticName,
  type WrittenMetric,
} from '../../../../src/backendai/statistics/metric.ts';
import { parseDecimal, plainText } from '../../../../src/lib/decimal.ts';
import { checkOf, differ } from './case.ts';

interface Sample {
  readonly t: number;
  readonly value: string;
  readonly capacity?: string | null;
}

interface MetricCase {
  readonly scope: 'node' | 'container';
  readonly hook: 'rate' | 'diff' | null;
  readonly filter: readonly StatisticName[];
  readonly unit_hint: string;
  readonly samples: readonly Sample[];
  readonly expect: readonly WrittenMetric[];
}

/** The written form after each sample. */
export const metric = checkOf<MetricCase>(({ scope, hook, filter, unit_hint: unit, samples, expect }, rule) => {
  const subject = new Metric({
    unit,
    filter: new Set(filter),
    hook,
    capacityFromFirst: scope !== 'node',
    rule,
  });
  const written = samples.map(({ t, value, capacity }) => {
    subject.add(parseDecimal(value), typeof capacity === 'string' ? parseDecimal(capacity) : null, t);
    return subject.toJSON();
  });
  return differ('it', written, expect);
});

export const movingStat = checkOf<{ samples: readonly Sample[]; expect: Readonly<Record<string, string>> }>(
  ({ samples, expect }, rule) => {
    const statistics = new MovingStatistics({ clamp: rule === '26.8' });
    for (const { t, value } of samples) statistics.add(parseDecimal(value), t);
    const names = Object.keys(expect) as Exclude<StatisticName, 'version'>[];
    if (names.length === 0) return 'expects nothing';
    return differ('it', Object.fromEntries(names.map((name) => [name, plainText(statistics.get(name))])), expect);
  },
);
