/** What is said of the node and its kernels: `[metrics]`, which is ours, `[logging]` and `[debug]`. */
import { key, optional, type SectionDefinition } from '../definition.ts';
import { hostPort } from '../value-types/address.ts';
import { decimal, duration, lenientBoolean, strictBoolean } from '../value-types/scalar.ts';
import { choice } from '../value-types/text.ts';

/** `[metrics]`: statistics, and where they are served. Upstream doesn't have it. */
export const metricsSection = {
  name: 'metrics',
  description: 'How statistics are collected, and where Prometheus gets them.',
  keys: {
    listen: key(optional(hostPort()), {
      default: null,
      description:
        'Where `/metrics` is served to Prometheus over TCP, such as `127.0.0.1:9464`; anybody who reaches the address may read. None given: on the socket of the local API alone.',
    }),
    period: key(duration({ min: 1_000, max: 3_600_000 }), {
      default: '5s',
      description: 'From the begin of a collection to the begin of the next.',
    }),
    adaptive: key(strictBoolean, {
      default: false,
      description:
        'Lengthens the period, up to a minute, so that reading containers takes 1 % of one CPU at most, however many there are.',
    }),
    source: key(choice(['direct', 'engine']), {
      default: 'direct',
      description:
        'Where the figures of containers come from: the files of their cgroups, or the engine, which takes a hundred times as long and has fewer.',
    }),
  },
} as const satisfies SectionDefinition;

const levels = choice(['CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG', 'NOTSET', 'TRACE', 'SILENT'], {
  anyCase: true,
});

/** Levels of upstream's logging, ours by the name `warn`, and `SILENT`, which is ours. */
const level: typeof levels = {
  ...levels,
  parse: (value) => levels.parse(typeof value === 'string' && value.toUpperCase() === 'WARN' ? 'WARNING' : value),
};

/** `[logging]` (spec config-and-ops 16.1). */
export const loggingSection = {
  name: 'logging',
  description: 'What is logged. The log goes to standard error, one JSON document a line; no log file is written.',
  keys: {
    level: key(level, {
      default: 'INFO',
      description: 'The least level that is logged; `SILENT` logs nothing.',
      environment: ['KERNELET_LOG_LEVEL'],
    }),
  },
} as const satisfies SectionDefinition;

/** `[debug]` (spec config-and-ops 3.5). */
export const debugSection = {
  name: 'debug',
  description: 'For finding faults.',
  keys: {
    enabled: key(lenientBoolean, {
      default: false,
      description: 'Sets the level of the log to DEBUG, unless a level is given on the command line.',
    }),
    'kernel-runner': key(lenientBoolean, {
      default: false,
      description: 'Makes the runner in the container log in detail.',
    }),
    'log-alloc-map': key(lenientBoolean, {
      default: false,
      description: 'Logs the allocation of devices in detail.',
    }),
    'heartbeat-interval': key(decimal({ min: 0.1, max: 3600 }), {
      default: 20,
      description: 'Seconds between heartbeats.',
    }),
  },
} as const satisfies SectionDefinition;
