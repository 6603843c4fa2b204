/** What each kernel uses, for Prometheus. Counters go on over restarts of a kernel's container and of the agent. */

import { figuresShown, type KernelFigure, type NumberName, type StallName } from '../../stats/figures.ts';
import type { DeviceFigure, KernelFigures } from '../../stats/kernel-statistics-store.ts';
import type { Family, Series } from './exposition.ts';

const rows = figuresShown('now');

/** A family for each figure that has a series, counters first, with a series for each kernel. */
export function kernelFamilies(kernels: readonly KernelFigures[]): readonly Family[] {
  const families = (type: 'counter' | 'gauge', row: KernelFigure): readonly Family[] => {
    if (row.series === undefined || (row.type === 'counter') !== (type === 'counter')) return [];
    const series = kernels.map((figures) => ({ labels: labelsOf(figures), value: figures[row.name as NumberName] }));
    return [{ name: `kernelet_kernel_${row.series}`, type, help: row.help, series }];
  };
  return [
    ...rows.flatMap((row) => families('counter', row)),
    ...rows.flatMap((row) => families('gauge', row)),
    {
      name: 'kernelet_kernel_stalled_seconds_total',
      type: 'counter',
      help: 'Time that processes waited for a resource: at least one of them, or all (PSI). Of the container at hand.',
      series: kernels.flatMap(stallSeries),
    },
    ...deviceFamilies(kernels),
    {
      name: 'kernelet_kernel_overuse_total',
      type: 'counter',
      help: 'How often a kernel took what it was given or more, by kind. Since its creation.',
      series: kernels.flatMap((figures) =>
        figures.overuse.map(({ kind, count }) => ({ labels: { ...labelsOf(figures), kind }, value: count })),
      ),
    },
  ];
}

/** The measures are plugins' own, so they are labels. */
function deviceFamilies(kernels: readonly KernelFigures[]): readonly Family[] {
  const series = (pick: (of: DeviceFigure) => number | null): readonly Series[] =>
    kernels.flatMap((figures) =>
      figures.devices.map((figure) => ({
        labels: { ...labelsOf(figures), measure: figure.measure, unit: figure.unit },
        value: pick(figure),
      })),
    );
  return [
    {
      name: 'kernelet_kernel_device_usage',
      type: 'gauge',
      help: 'How much a kernel uses of its accelerators, by measure, in the unit of the label.',
      series: series(({ value }) => value),
    },
    {
      name: 'kernelet_kernel_device_capacity',
      type: 'gauge',
      help: 'What a kernel may use of its accelerators, or what they have, by measure, in the unit of the label.',
      series: series(({ capacity }) => capacity),
    },
  ];
}

const labelsOf = ({ id, sessionId }: KernelFigures): Record<string, string> => ({
  kernel_id: id,
  session_id: sessionId,
});

function stallSeries(figures: KernelFigures): readonly Series[] {
  return rows.flatMap((row) => {
    const stall = row.type === 'stall' ? figures[row.name as StallName] : null;
    if (row.type !== 'stall' || stall === null) return [];
    const labels = { ...labelsOf(figures), resource: row.resource };
    const some = { labels: { ...labels, share: 'some' }, value: stall.some / 1e6 };
    return stall.full === null ? [some] : [some, { labels: { ...labels, share: 'all' }, value: stall.full / 1e6 }];
  });
}
