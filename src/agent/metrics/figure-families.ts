/**
 * What each kernel and the node use, and what of the node is given out, for Prometheus. Counters of kernels go on over restarts
 * of their container and of the agent.
 */
import { figuresShown, type KernelFigure, type NumberName, type StallName } from '../../stats/figures.ts';
import type { DeviceFigure, KernelFigures } from '../../stats/kernel-statistics-store.ts';
import { allNodeFigures } from '../../stats/node-figures.ts';
import type { NodeStatistics } from '../../stats/statistics.ts';
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

/** How much of a slot there is, and is given out. */
export interface SlotUse {
  readonly total: number;
  readonly used: number;
}

/** The families; `node` is what it used at the last round of statistics. */
export function nodeFamilies(node: NodeStatistics, slots: Readonly<Record<string, SlotUse>>): readonly Family[] {
  const slotSeries = (pick: (slot: SlotUse) => number): readonly Series[] =>
    Object.entries(slots).map(([slot, amounts]) => ({ labels: { slot }, value: pick(amounts) }));
  // The measures are plugins' own, so they are labels.
  const deviceSeries = (field: 'value' | 'capacity'): readonly Series[] =>
    node.devices.map(({ measure, unit, device, [field]: value }) => ({ labels: { measure, unit, device }, value }));
  return [
    ...allNodeFigures.flatMap((row) => familiesOf(row, node)),
    {
      name: 'kernelet_device_usage',
      type: 'gauge',
      help: 'How much is used of each accelerator, by measure, in the unit of the label.',
      series: deviceSeries('value'),
    },
    {
      name: 'kernelet_device_capacity',
      type: 'gauge',
      help: 'What each accelerator has, by measure, in the unit of the label.',
      series: deviceSeries('capacity'),
    },
    {
      name: 'kernelet_slots_capacity',
      type: 'gauge',
      help: 'What is on offer of a slot: CPUs, bytes of memory, host ports, accelerators.',
      series: slotSeries(({ total }) => total),
    },
    {
      name: 'kernelet_slots_used',
      type: 'gauge',
      help: 'What of a slot kernels have.',
      series: slotSeries(({ used }) => used),
    },
  ];
}

/** What is used, and where that says something, out of how much. */
function familiesOf(
  { name, type, part, used, total }: (typeof allNodeFigures)[number],
  node: NodeStatistics,
): readonly Family[] {
  const series = (field: 'value' | 'capacity'): readonly Series[] => {
    const figure = node[name];
    if (part === null) return [{ value: figure?.[field] }];
    return Object.entries(figure?.parts ?? {}).map(([id, of]) => ({ labels: { [part]: id }, value: of[field] }));
  };
  const family = { name: `kernelet_node_${used.name}`, help: used.help, series: series('value') };
  return [
    { ...family, type: type === 'counter' ? 'counter' : 'gauge' },
    ...(total
      ? [
          {
            name: `kernelet_node_${total.name}`,
            type: 'gauge' as const,
            help: total.help,
            series: series('capacity'),
          },
        ]
      : []),
  ];
}
