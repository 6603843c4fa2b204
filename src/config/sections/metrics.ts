import { key, type SectionDefinition } from '../definition.ts';
import { hostPort } from '../value-types/address.ts';
import { duration } from '../value-types/amount.ts';
import { strictBoolean } from '../value-types/boolean.ts';
import { choice } from '../value-types/text.ts';
import { optional } from '../value-types/value-type.ts';

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
        'Where the figures of containers come from: the files of their cgroups, or the engine, which takes a hundred times as long and tells less.',
    }),
  },
} as const satisfies SectionDefinition;
