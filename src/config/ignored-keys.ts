/**
 * Keys of upstream's `agent.toml` without an effect here. They are accepted whatever they hold, so that one file serves
 * upstream's agent and this one, and those that ask for something else than kernelet does are warned of. Pure.
 */
/** A key, or a table with everything in it. */
export interface IgnoredKey {
  /** What upstream does with it, and what holds here or is used instead: one sentence each. */
  readonly text: string;
  /** The value by which upstream does what kernelet does anyway: it is no reason for a warning. */
  readonly agrees?: unknown;
  /** Environment variables that set it upstream. */
  readonly variables?: readonly string[];
}

const upstreamDebugger = "The upstream agent's debugger; kernelet has none. SIGUSR2 writes a snapshot of its state.";
const topic = (what: string): IgnoredKey => ({
  text: `Upstream logs ${what} in detail; here \`logging.level = "DEBUG"\` logs everything.`,
  agrees: false,
});
const noLogFiles = 'kernelet logs to standard error alone, where the service manager collects it';

/** By full name, in the order of the reference. */
export const ignoredKeys: ReadonlyMap<string, IgnoredKey> = new Map<string, IgnoredKey>(
  Object.entries({
    'agent.agent-sock-port': {
      text: 'Port behind the socket by which programs in containers ask the upstream agent; here each kernel has a socket of its own, and no port is needed.',
    },
    'agent.instance-type': {
      text: 'Type of the machine, which upstream otherwise detects; kernelet detects it too, for its log alone.',
    },
    'agent.event-loop': { text: "Chooses the upstream agent's event loop; Node has one." },
    'agent.aiomonitor-termui-port': { text: upstreamDebugger },
    'agent.aiomonitor-port': { text: upstreamDebugger },
    'agent.aiomonitor-webui-port': { text: upstreamDebugger },
    'agent.use-experimental-redis-event-dispatcher': {
      text: "Chooses the upstream agent's event dispatcher; kernelet has one.",
    },
    'agent.sync-container-lifecycles': {
      text: 'Whether and how often upstream compares containers and records; kernelet always does, at its start and every ten seconds.',
    },
    'container.stats-type': {
      text: 'Where upstream reads statistics; kernelet reads the files of cgroups, and `metrics.source = "engine"` asks the engine.',
      agrees: 'cgroup',
    },
    'container.jail-args': {
      text: "Arguments of the program that is upstream's jail; here a jail is a filter of system calls, which has none.",
      agrees: [],
    },
    'container.scratch-nfs-address': {
      text: 'NFS server of scratch folders under Kubernetes, which kernelet does not serve.',
    },
    'container.scratch-nfs-options': {
      text: 'Mount options of scratch folders under Kubernetes, which kernelet does not serve.',
    },
    'container.swarm-enabled': {
      text: 'Upstream checks at its start that the engine is part of a swarm, and does nothing else with it; kernelet does not check.',
      agrees: false,
    },
    'resource.reserved-disk': {
      text: 'Disk space that upstream keeps for the system; no device has a slot for disk space, so there is nothing to lower. `kernelet.disk-limit` bounds a kernel.',
    },
    'logging.pkg-ns': { text: "Levels of upstream's loggers by name; kernelet has one level, `logging.level`." },
    'logging.drivers': {
      text: `Where upstream's log goes; ${noLogFiles}: no log file is written and nothing is sent.`,
      agrees: ['console'],
    },
    'logging.console': { text: "Colours and form of upstream's console; kernelet writes one JSON document a line." },
    'logging.file': {
      text: `Upstream's log file and its rotation; ${noLogFiles}: no log file is written.`,
      variables: ['BACKEND_LOG_FILE', 'BACKEND_LOG_FILE_COUNT', 'BACKEND_LOG_FILE_SIZE'],
    },
    'logging.logstash': { text: `Upstream sends its log to this server; ${noLogFiles}.` },
    'logging.graylog': { text: `Upstream sends its log to this server; ${noLogFiles}.` },
    'debug.asyncio': { text: "Debugs the upstream agent's event loop; there is none here.", agrees: false },
    'debug.enhanced-aiomonitor-task-info': { text: upstreamDebugger, agrees: false },
    'debug.skip-container-deletion': {
      text: 'Upstream keeps ended containers; kernelet removes them, and `kernelet inspect` says for ten minutes how they ended.',
      agrees: false,
    },
    'debug.log-stats': topic('statistics'),
    'debug.log-kernel-config': topic('what kernels are made with'),
    'debug.log-events': topic('events'),
    'debug.log-heartbeats': topic('heartbeats'),
    'debug.log-docker-events': topic("the engine's events"),
    'debug.coredump': { text: 'Upstream collects core dumps of programs in kernels; kernelet collects none.' },
  }),
);

/**
 * Keys of later releases of upstream that have no counterpart here (spec config-and-ops 27). They are accepted in
 * silence; a name stands for everything below it.
 */
export const keysOfLaterReleases: readonly string[] = [
  'license',
  'agents',
  'otel',
  'pyroscope',
  'service-discovery',
  'agent.internal-addr',
  'agent.service-addr',
  'agent.announce-internal-addr',
  'agent.announce-addr',
  'agent.ssl-enabled',
  'agent.ssl-cert',
  'agent.ssl-key',
  'agent.allow-network-plugins',
  'agent.block-network-plugins',
  'agent.mount-path-uid-gid',
  'agent.utilization-metric',
  'container.port-reuse-cooldown-sec',
  'container.krunner-volumes',
  'resource.allocation-mode',
  'resource.allocations',
  'resource.memory-align-size',
  'container-logs',
  'api',
  'kernel-lifecycles',
  'redis',
];

/** The ignored key that a name stands for, or whose table it stands in. */
export function ignoredKeyOf(key: string): string | undefined {
  for (let name = key; name.includes('.'); name = name.slice(0, name.lastIndexOf('.'))) {
    if (ignoredKeys.has(name)) return name;
  }
  return undefined;
}

/** Why a given value has no effect; undefined when kernelet does what it asks for. */
export function ignoredWarning(name: string, value: unknown, place: string): string | undefined {
  const { text, agrees } = ignoredKeys.get(name) ?? { text: '' };
  // A cluster's values are texts.
  if (agrees !== undefined && String(value) === String(agrees)) return undefined;
  return `${place}: ${name} has no effect. ${text}`;
}

/** What is said of the variables that set ignored keys. */
export function ignoredVariables(environ: Readonly<Record<string, string | undefined>>): readonly string[] {
  return [...ignoredKeys].flatMap(([name, { variables = [] }]) =>
    variables
      .filter((variable) => environ[variable])
      .flatMap((variable) => ignoredWarning(name, environ[variable], `environment variable ${variable}`) ?? []),
  );
}
