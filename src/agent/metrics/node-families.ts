/** The node and what of it is given out, for Prometheus. */
import type { Family, Series } from '../../stats/exposition.ts';
import type { NodeMeasure } from '../../stats/measure.ts';
import { nodeMeasures } from '../../stats/measure-kinds.ts';
import type { NodeMetrics } from '../../stats/node-figures.ts';

/** How much of a slot there is, and is given out. */
export interface SlotUse {
  readonly total: number;
  readonly used: number;
}

/** The families; `measures` and the metrics of `devices` are those of the last round of statistics. */
export function nodeFamilies(
  measures: readonly NodeMeasure[],
  devices: NodeMetrics['devices'],
  slots: Readonly<Record<string, SlotUse>>,
): readonly Family[] {
  const of = (key: string): NodeMeasure | undefined => measures.find((measure) => measure.key === key);
  const byDevice = (key: string, label: string, scale = 1): readonly Series[] =>
    [...(of(key)?.devices ?? [])].map(([device, { value }]) => ({
      labels: { [label]: device },
      value: value.toNumber() * scale,
    }));
  const slotSeries = (pick: (slot: { total: number; used: number }) => number): readonly Series[] =>
    Object.entries(slots).map(([slot, amounts]) => ({
      labels: { slot },
      value: pick(amounts),
    }));
  // The measures are plugins' own, so they are labels.
  const accelerators = Object.entries(devices).filter(([measure]) => !Object.hasOwn(nodeMeasures, measure));
  const acceleratorSeries = (field: 'current' | 'capacity'): readonly Series[] =>
    accelerators.flatMap(([measure, metrics]) =>
      Object.entries(metrics).map(([device, metric]) => ({
        labels: { measure, unit: String(metric['unit_hint']), device },
        value: metric[field] === null ? null : Number(metric[field]),
      })),
    );
  const single = (value: number | undefined): readonly Series[] => [{ value }];
  return [
    {
      name: 'kernelet_node_cpu_seconds_total',
      type: 'counter',
      help: 'Time that CPUs of the node spent on programs and on the system for them.',
      series: byDevice('cpu_util', 'cpu', 1e-3),
    },
    {
      name: 'kernelet_node_memory_used_bytes',
      type: 'gauge',
      help: 'Memory of the node that is not available.',
      series: single(of('mem')?.value.toNumber()),
    },
    {
      name: 'kernelet_node_memory_total_bytes',
      type: 'gauge',
      help: 'Memory of the node.',
      series: single(of('mem')?.capacity?.toNumber()),
    },
    {
      name: 'kernelet_node_disk_used_bytes',
      type: 'gauge',
      help: 'Space of a disk that is not available.',
      series: byDevice('disk', 'device'),
    },
    {
      name: 'kernelet_node_disk_total_bytes',
      type: 'gauge',
      help: 'Space of a disk.',
      series: [...(of('disk')?.devices ?? [])].map(([device, { capacity }]) => ({
        labels: { device },
        value: capacity?.toNumber(),
      })),
    },
    {
      name: 'kernelet_node_network_received_bytes_total',
      type: 'counter',
      help: 'Bytes received by all interfaces of the node, loopback included.',
      series: single(of('net_rx')?.value.toNumber()),
    },
    {
      name: 'kernelet_node_network_sent_bytes_total',
      type: 'counter',
      help: 'Bytes sent by all interfaces of the node, loopback included.',
      series: single(of('net_tx')?.value.toNumber()),
    },
    {
      name: 'kernelet_device_usage',
      type: 'gauge',
      help: 'How much is used of each accelerator, by measure, in the unit of the label.',
      series: acceleratorSeries('current'),
    },
    {
      name: 'kernelet_device_capacity',
      type: 'gauge',
      help: 'What each accelerator has, by measure, in the unit of the label.',
      series: acceleratorSeries('capacity'),
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
