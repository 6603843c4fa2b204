/** Reads the engine's statistics of one container (spec resources-and-stats 13.3). */
import type { EngineFigures } from '../engine.ts';
import { child, fields, list, text } from './fields.ts';

/** The reply, which may be in a list of one; null for a container that is not running. */
export function readContainerFigures(reply: unknown): EngineFigures | null {
  const stats = fields(Array.isArray(reply) ? list(reply)[0] : reply);
  const read = text(stats, 'read');
  if (read === '' || read.startsWith('0001-01-01')) return null;
  const cpu = child(stats, 'cpu_stats');
  const throttling = child(cpu, 'throttling_data');
  const memory = child(stats, 'memory_stats');
  const memoryDetail = child(memory, 'stats');
  const pids = child(stats, 'pids_stats');
  const networks = Object.values(child(stats, 'networks')).map(fields);
  const operations = list(child(stats, 'blkio_stats')['io_service_bytes_recursive']).map(fields);
  const bytes = (operation: string): number =>
    total(operations.filter((entry) => text(entry, 'op').toLowerCase() === operation).map((entry) => entry['value']));
  return {
    cpuNanoseconds: figure(child(cpu, 'cpu_usage')['total_usage']),
    throttledNanoseconds: figure(throttling['throttled_time']),
    cpuPeriods: figure(throttling['periods']),
    throttledPeriods: figure(throttling['throttled_periods']),
    chargedBytes: figure(memory['usage']),
    droppableBytes: figure(memoryDetail['total_inactive_file']) ?? figure(memoryDetail['inactive_file']),
    memoryPeakBytes: figure(memory['max_usage']),
    memoryLimitBytes: figure(memory['limit']),
    processes: figure(pids['current']),
    processesLimit: figure(pids['limit']),
    readBytes: bytes('read'),
    writtenBytes: bytes('write'),
    // A container in the host's network has no list.
    receivedBytes: total(networks.map((network) => network['rx_bytes'])),
    sentBytes: total(networks.map((network) => network['tx_bytes'])),
  };
}

/** A number that counts something; null for anything else. */
const figure = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;

const total = (values: readonly unknown[]): number =>
  values.reduce<number>((sum, value) => sum + (figure(value) ?? 0), 0);
