/** The values that the environment (spec config-and-ops 4) and the command line set, over those of the file. Pure. */
import type { ConfigProblem } from './problems.ts';
import type { RawValue } from './raw-config.ts';
import { splitHostPort } from './value-types/address.ts';

/** The variables of a process, by name. */
export type Environ = Readonly<Record<string, string | undefined>>;

/** Variables whose text is the value of one key. */
const plain: readonly (readonly [variable: string, key: string])[] = [
  ['BACKEND_NAMESPACE', 'etcd.namespace'],
  ['BACKEND_ETCD_ADDR', 'etcd.addr'],
  ['BACKEND_ETCD_USER', 'etcd.user'],
  ['BACKEND_ETCD_PASSWORD', 'etcd.password'],
  ['BACKEND_PID_FILE', 'agent.pid-file'],
  ['BACKEND_REGION', 'agent.region'],
  ['BACKEND_CONTAINER_PORT_RANGE', 'container.port-range'],
  ['BACKEND_KERNEL_HOST_OVERRIDE', 'container.bind-host'],
  ['BACKEND_BIND_HOST_OVERRIDE', 'container.bind-host'],
  ['BACKEND_SANDBOX_TYPE', 'container.sandbox-type'],
  ['BACKEND_SCRATCH_ROOT', 'container.scratch-root'],
  ['BACKEND_CPU_OVERCOMMIT_FACTOR', 'resource.cpu-overcommit-factor'],
  ['BACKEND_MEM_OVERCOMMIT_FACTOR', 'resource.mem-overcommit-factor'],
  ['KERNELET_STATE_DIR', 'kernelet.state-dir'],
  ['KERNELET_SOCKET', 'kernelet.socket'],
  ['KERNELET_VOLUME_DIR', 'kernelet.volume-dir'],
  ['KERNELET_LOG_LEVEL', 'logging.level'],
  ['DOCKER_HOST', 'kernelet.docker-host'],
];

/** Pairs of variables that set the host and the port of one key, with the port's default. */
const addresses = [
  ['BACKEND_AGENT_HOST_OVERRIDE', 'BACKEND_AGENT_PORT', 'agent.rpc-listen-addr', '', 6001],
  ['BACKEND_WATCHER_SERVICE_IP', 'BACKEND_WATCHER_SERVICE_PORT', 'watcher.service-addr', '0.0.0.0', 6009],
] as const;

/** The values of variables; a blank one is not set. Of an address in the file, each part may be replaced. */
export function rawValuesOfEnvironment(
  environ: Environ,
  file: ReadonlyMap<string, RawValue>,
): ReadonlyMap<string, RawValue> {
  const values = new Map<string, RawValue>();
  const set = (key: string, value: unknown, ...variables: readonly string[]): void => {
    const place = `environment variable ${variables.join(', ')}`;
    values.set(key, { value, source: 'environment', place });
  };
  for (const [variable, key] of plain) {
    const value = environ[variable];
    if (value) set(key, value, variable);
  }
  for (const [hostVariable, portVariable, key, defaultHost, defaultPort] of addresses) {
    const [host, port] = [environ[hostVariable], environ[portVariable]];
    if (!host && !port) continue;
    const before = splitHostPort(file.get(key)?.value);
    const value = { host: host || (before?.host ?? defaultHost), port: port || (before?.port ?? defaultPort) };
    set(key, value, ...(host ? [hostVariable] : []), ...(port ? [portVariable] : []));
  }
  return values;
}

/** What was said on the command line. */
export interface ConfigFlags {
  readonly configFile?: string | undefined;
  readonly stateDir?: string | undefined;
  readonly socket?: string | undefined;
  /** Upstream's words or ours, any letter case. */
  readonly logLevel?: string | undefined;
  readonly debug?: boolean | undefined;
}

/** The values of flags; a blank path is a problem. */
export function rawValuesOfFlags(flags: ConfigFlags, problems: ConfigProblem[]): ReadonlyMap<string, RawValue> {
  const values = new Map<string, RawValue>();
  const set = (key: string, value: unknown, place: string) => values.set(key, { value, source: 'flag', place });
  for (const [key, path, place] of [
    ['kernelet.state-dir', flags.stateDir, '--state-dir'],
    ['kernelet.socket', flags.socket, '--socket'],
  ] as const) {
    if (path !== undefined) set(key, path, place);
    if (path === '') problems.push({ key, value: '""', place, message: 'is not a path' });
  }
  const level = flags.debug ? 'DEBUG' : flags.logLevel;
  if (level !== undefined && level.toUpperCase() !== 'NOTSET') {
    set('logging.level', level, flags.debug ? '--debug' : '--log-level');
  }
  return values;
}
