/** Reads what the engine says of containers. */
import { asContainerId } from '../../lib/ids.ts';
import type { ContainerDetail, ContainerState, ContainerSummary, PublishedPort } from '../engine.ts';
import { child, fields, flag, list, number, text, textMap } from './fields.ts';

const states: Readonly<Record<string, ContainerState>> = {
  created: 'created',
  running: 'running',
  paused: 'paused',
  restarting: 'restarting',
  removing: 'removing',
  exited: 'exited',
  dead: 'dead',
  // Podman's.
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

/** An inspection. */
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
    cgroupParent: text(child(container, 'HostConfig'), 'CgroupParent'),
    nameFiles: {
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
