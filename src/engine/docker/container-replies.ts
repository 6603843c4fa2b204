/** Reads what the engine says of containers: listings, inspections, and the statistics of one (spec resources-and-stats 13.3). */
import { asContainerId } from '../../lib/ids.ts';
import type { ContainerDetail, ContainerState, ContainerSummary, EngineFigures, PublishedPort } from '../engine.ts';
import { child, fields, flag, list, number, text, textMap } from './replies.ts';

const states: Readonly<Record<string, ContainerState>> = {
  created: 'created',
  running: 'running',
  paused: 'paused',
  restarting: 'restarting',
  removing: 'removing',
  exited: 'exited',
  dead: 'dead',
  // Podman's words for the same.
  configured: 'created',
  initialized: 'created',
  stopping: 'running',
  stopped: 'exited',
};

/** A state in our words. An unknown one counts as a transition, in which nobody acts on the container. */
function readState(word: string): ContainerState {
  return states[word] ?? 'restarting';
}

/** Go's zero time means "never". */
function readTime(time: string): string {
  return time.startsWith('0001-') ? '' : time;
}

/** One entry of a listing. */
export function readContainerSummary(value: unknown): ContainerSummary {
  const entry = fields(value);
  const [name] = list(entry['Names']);
  return {
    id: asContainerId(text(entry, 'Id')),
    name: typeof name === 'string' ? name.replace(/^\//, '') : '',
    image: text(entry, 'Image'),
    labels: textMap(entry, 'Labels'),
    state: readState(text(entry, 'State')),
  };
}

/** One container in detail, as an inspection shows it. */
export function readContainerDetail(value: unknown): ContainerDetail {
  const container = fields(value);
  const state = child(container, 'State');
  const config = child(container, 'Config');
  const settings = child(container, 'NetworkSettings');
  return {
    id: asContainerId(text(container, 'Id')),
    name: text(container, 'Name').replace(/^\//, ''),
    image: text(config, 'Image'),
    labels: textMap(config, 'Labels'),
    state: readState(text(state, 'Status')),
    pid: number(state, 'Pid'),
    exitCode: number(state, 'ExitCode'),
    outOfMemory: flag(state, 'OOMKilled'),
    error: text(state, 'Error'),
    startedAt: readTime(text(state, 'StartedAt')),
    finishedAt: readTime(text(state, 'FinishedAt')),
    ports: readPorts(child(settings, 'Ports')),
    networkAddress: readAddress(child(settings, 'Networks')),
    networks: Object.keys(child(settings, 'Networks')),
    cgroupParent: text(child(container, 'HostConfig'), 'CgroupParent'),
    networkFiles: {
      hosts: text(container, 'HostsPath'),
      'resolv.conf': text(container, 'ResolvConfPath'),
      hostname: text(container, 'HostnamePath'),
    },
  };
}

/** Whether output is raw, without frames, because the container has a terminal. */
export function readHasTerminal(value: unknown): boolean {
  return flag(child(fields(value), 'Config'), 'Tty');
}

/** Whether a path is a symbolic link, by the header that describes it: JSON, as base64. Undefined when it is not that. */
export function readIsLink(header: string | readonly string[] | undefined): boolean | undefined {
  try {
    const { linkTarget } = fields(JSON.parse(Buffer.from(String(header), 'base64').toString('utf8')));
    return typeof linkTarget === 'string' ? linkTarget !== '' : undefined;
  } catch {
    return undefined;
  }
}

function readPorts(ports: ReturnType<typeof fields>): readonly PublishedPort[] {
  return Object.entries(ports).flatMap(([key, bindings]) => {
    const containerPort = Number.parseInt(key, 10);
    if (!Number.isInteger(containerPort)) return [];
    return list(bindings).flatMap((binding) => {
      const hostPort = Number.parseInt(text(fields(binding), 'HostPort'), 10);
      if (!Number.isInteger(hostPort)) return [];
      return [{ containerPort, hostAddress: text(fields(binding), 'HostIp'), hostPort }];
    });
  });
}

function readAddress(networks: ReturnType<typeof fields>): string | null {
  for (const network of Object.values(networks)) {
    const address = text(fields(network), 'IPAddress');
    if (address !== '') return address;
  }
  return null;
}

/** The statistics of one container, which may be in a list of one; null for a container that is not running. */
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
