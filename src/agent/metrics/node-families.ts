/** The node and what of it is given out, for Prometheus. */

import { allNodeFigures } from '../../stats/node-figures.ts';
import type { NodeStatistics } from '../../stats/statistics.ts';
import type { Family, Series } from './exposition.ts';

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
