import { key, type SectionDefinition } from '../definition.ts';
import { byteSize } from '../value-types/amount.ts';
import { lenientBoolean } from '../value-types/boolean.ts';
import { decimal, integer } from '../value-types/number.ts';
import { path } from '../value-types/text.ts';

const topic = (what: string) =>
  key(lenientBoolean, { default: false, description: `Logs ${what} in detail.`, effect: 'none-yet' });

/** `[debug]` (spec config-and-ops 3.5). */
export const debugSection = {
  name: 'debug',
  description: 'For finding faults.',
  keys: {
    enabled: key(lenientBoolean, {
      default: false,
      description: 'Sets the level of the log to DEBUG, unless a level is given on the command line.',
    }),
    asyncio: key(lenientBoolean, {
      default: false,
      description: "Debugs the upstream agent's event loop.",
      effect: 'ignored',
    }),
    'kernel-runner': key(lenientBoolean, {
      default: false,
      description: 'Makes the runner in the container log in detail.',
    }),
    'enhanced-aiomonitor-task-info': key(lenientBoolean, {
      default: false,
      description: "Shows more in the upstream agent's debugger.",
      effect: 'ignored',
    }),
    'skip-container-deletion': key(lenientBoolean, {
      default: false,
      description: 'Keeps ended containers; everything else of a kernel is freed all the same.',
      effect: 'none-yet',
    }),
    'log-stats': topic('statistics'),
    'log-kernel-config': topic('what kernels are made with'),
    'log-alloc-map': key(lenientBoolean, {
      default: false,
      description: 'Logs the allocation of devices in detail.',
    }),
    'log-events': topic('events'),
    'log-heartbeats': topic('heartbeats'),
    'log-docker-events': topic("the engine's events"),
    'heartbeat-interval': key(decimal({ min: 0.1, max: 3600 }), {
      default: 20,
      description: 'Seconds between heartbeats.',
    }),
    'coredump.enabled': key(lenientBoolean, {
      default: false,
      description: 'Collects core dumps of programs in kernels.',
      effect: 'none-yet',
    }),
    'coredump.path': key(path, {
      default: './coredumps',
      description: 'Folder of core dumps on the host.',
      effect: 'none-yet',
    }),
    'coredump.backup-count': key(integer({ min: 1, max: 10_000 }), {
      default: 10,
      description: 'How many core dumps are kept.',
      effect: 'none-yet',
    }),
    'coredump.size-limit': key(byteSize(), {
      default: '64M',
      description: 'The largest core dump that is kept.',
      effect: 'none-yet',
    }),
  },
} as const satisfies SectionDefinition;
