/** `kernelet ps`: the kernels of this node. */

import type { Kernel } from '../../http/api-types.ts';
import { describeByteSize } from '../../lib/byte-size.ts';
import { describeDuration } from '../../lib/duration.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { printable, table } from '../screen.ts';

export const ps = {
  name: 'ps',
  summary: 'list kernels',
  description: 'Lists the kernels of this node.',
  operands: [],
  options: [
    { flags: '-a, --all', help: 'also those that ended a short while ago' },
    { flags: '-q, --quiet', help: 'only their ids' },
  ],
  examples: [
    { command: 'kernelet ps', what: 'what is running' },
    { command: 'kernelet rm -f $(kernelet ps -q)', what: 'remove all of them' },
    { command: "kernelet ps --json | jq -r '.[].id'", what: 'for programs: one array' },
  ],
  async run(call) {
    const { screen, options } = call;
    await using client = await daemonClient(call);
    const kernels = await client.list(options.flag('all'));
    await screen.either(kernels, () =>
      options.flag('quiet') ? kernels.map(({ id }) => `${id}\n`).join('') : listing(kernels, Date.now()),
    );
    return 0;
  },
} satisfies CliCommand;

function phaseText(kernel: Kernel): string {
  const { phase, termination, missingSince, unreachableSince, unrecordedSince, stuck, restarts } = kernel;
  if (termination) return `${phase} (${termination.reason})`;
  if (missingSince !== null) return `${phase} (missing)`;
  if (unreachableSince !== null) return `${phase} (unreachable)`;
  if (unrecordedSince !== null) return `${phase} (unrecorded)`;
  if (stuck !== null) return `${phase} (stuck)`;
  if (restarts === null) return phase;
  return phase === 'restarting'
    ? `${phase} (${restarts.reason})`
    : `${phase} (restarted ${restarts.count}×, ${restarts.reason})`;
}

/** What stands below the table. */
const stuckText = ({ id, stuck }: Kernel, now: number): string =>
  stuck === null
    ? ''
    : `${id}: for ${describeDuration(Math.max(0, now - stuck.since))} ${printable(stuck.why)}; ${stuck.next}\n`;

function listing(kernels: readonly Kernel[], now: number): string {
  const columns = [
    { heading: 'ID' },
    { heading: 'RUNTIME' },
    { heading: 'PHASE' },
    { heading: 'AGE', align: 'right' as const },
    { heading: 'CPUS', align: 'right' as const },
    { heading: 'MEMORY', align: 'right' as const },
    { heading: 'IMAGE' },
  ];
  const rows = kernels.map((kernel) => [
    kernel.id,
    kernel.runtime,
    phaseText(kernel),
    describeDuration(Math.max(0, now - kernel.createdAt)),
    String(kernel.limits.cpus),
    describeByteSize(kernel.limits.memoryBytes),
    printable(kernel.image),
  ]);
  return table(columns, rows) + kernels.map((kernel) => stuckText(kernel, now)).join('');
}
