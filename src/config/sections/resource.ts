import { key, type SectionDefinition } from '../definition.ts';
import { byteSize, integer } from '../value-types/scalar.ts';
import { choice, textList } from '../value-types/text.ts';

/** `[resource]` (spec config-and-ops 3.4), with the two factors that upstream takes from the environment only. */
export const resourceSection = {
  name: 'resource',
  description: 'What of the machine is on offer in cluster mode. Alone, kernelet offers the whole machine.',
  keys: {
    'reserved-cpu': key(integer({ min: 0, max: 4096 }), {
      default: 1,
      description: 'CPUs kept for the system: that many fewer are reported.',
    }),
    'reserved-mem': key(byteSize(), {
      default: '1G',
      description: 'Memory kept for the system: that much less is reported.',
    }),
    'allocation-order': key(textList, {
      default: ['cuda', 'rocm', 'tpu', 'cpu', 'mem'],
      description:
        'The order in which kinds of devices are chosen for a kernel, each near the one before. One that is missing here comes before `cpu`.',
    }),
    'affinity-policy': key(choice(['INTERLEAVED', 'PREFER_SINGLE_NODE'], { anyCase: true }), {
      default: 'INTERLEAVED',
      description:
        '`PREFER_SINGLE_NODE` keeps the devices of a kernel on one NUMA node where they fit; `INTERLEAVED` takes the freest.',
    }),
    'cpu-overcommit-factor': key(integer({ min: 1, max: 10 }), {
      default: 1,
      description: 'How many times each CPU is on offer.',
      environment: ['BACKEND_CPU_OVERCOMMIT_FACTOR'],
    }),
    'mem-overcommit-factor': key(integer({ min: 1, max: 10 }), {
      default: 1,
      description: 'How many times the memory is on offer.',
      environment: ['BACKEND_MEM_OVERCOMMIT_FACTOR'],
    }),
  },
} as const satisfies SectionDefinition;
