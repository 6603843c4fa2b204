/** The environment variables that set keys (spec config-and-ops 4). They win over the file; a blank one is not set. */
import { basename, dirname } from 'node:path';
import type { RawValue } from './raw-config.ts';
import { splitHostPort } from './value-types/address.ts';

/** The process's environment. */
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
  ['BACKEND_LOG_FILE_COUNT', 'logging.file.backup-count'],
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

/** The values that the environment gives, given those of the file, parts of which it may replace. */
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
  const { BACKEND_LOG_FILE: logFile, BACKEND_LOG_FILE_SIZE: logFileSize } = environ;
  if (logFile) {
    set('logging.file.path', dirname(logFile), 'BACKEND_LOG_FILE');
    set('logging.file.filename', basename(logFile), 'BACKEND_LOG_FILE');
  }
  if (logFileSize) set('logging.file.rotation-size', `${logFileSize}M`, 'BACKEND_LOG_FILE_SIZE');
  return values;
}
