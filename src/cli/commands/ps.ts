/** `kernelet ps`: the kernels of this node. */

import type { Kernel } from '../../http/api-types.ts';
import { describeByteSize } from '../../lib/byte-size.ts';
import { describeAge, describeDuration } from '../../lib/duration.ts';
import { printable } from '../../lib/terminal-text.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { UsageError } from '../option-reader.ts';
import { type Screen, table } from '../screen.ts';

export const ps = {
  name: 'ps',
  summary: 'list kernels',
  description: `Lists the kernels of this node, with so much of their ids as tells them apart. --filter takes name=TEXT (part of the name),
label=KEY or label=KEY=VALUE, and status=PHASE; of several labels a kernel has all, of several names or phases one.`,
  operands: [],
  options: [
    { flags: '-a, --all', help: 'also those that ended a short while ago' },
    { flags: '-f, --filter <key=value>', help: 'only those with this name, label or status', repeat: true },
    { flags: '-q, --quiet', help: 'only their ids, whole' },
    { flags: '--no-trunc', help: 'whole ids, and nothing cut to the width of the terminal' },
  ],
  examples: [
    { command: 'kernelet ps', what: 'what is running' },
    { command: 'kernelet ps --filter label=team=a --filter status=running', what: 'some of them' },
    { command: 'kernelet rm -f $(kernelet ps -q)', what: 'remove all of them' },
    { command: "kernelet ps --json | jq -r '.[].id'", what: 'for programs: one array' },
  ],
  async run(call) {
    const { screen, options } = call;
    await using client = await daemonClient(call);
    const kernels = await client.list({ all: options.flag('all'), ...filtersOf(options.list('filter')) });
    await screen.either(kernels, () =>
      options.flag('quiet')
        ? kernels.map(({ id }) => `${id}\n`).join('')
        : listing(kernels, Date.now(), options.flag('trunc') ? roomOf(screen) : null),
    );
    return 0;
  },
} satisfies CliCommand;

const filterParameters = new Map([
  ['name', 'name'],
  ['label', 'label'],
  ['status', 'phase'],
]);

function filtersOf(list: readonly string[]): Readonly<Record<string, readonly string[]>> {
  const filters = Map.groupBy(
    list.map((text) => filterOf(text)),
    ([parameter]) => parameter,
  );
  return Object.fromEntries([...filters].map(([parameter, pairs]) => [parameter, pairs.map(([, value]) => value)]));
}

function filterOf(text: string): readonly [parameter: string, value: string] {
  const [, key = '', value = ''] = /^([a-z]+)=(.+)$/s.exec(text) ?? [];
  const parameter = filterParameters.get(key);
  if (parameter !== undefined) return [parameter, value];
  const shown = JSON.stringify(text.slice(0, 80));
  throw new UsageError(`--filter ${shown} is not name=TEXT, label=KEY, label=KEY=VALUE or status=PHASE`);
}

/** The width that lines have; those that a program reads have all that they need. */
const roomOf = ({ io: { stdout } }: Screen): number => (stdout.isTerminal ? stdout.columns : Number.POSITIVE_INFINITY);

function phaseText(kernel: Kernel): string {
  const { phase, termination, missingSince, unreachableSince, unrecordedSince, paused, stuck, restarts } = kernel;
  if (termination) return `${phase} (${termination.reason})`;
  if (missingSince !== null) return `${phase} (missing)`;
  if (paused !== null) return `${phase} (paused)`;
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

/** So many characters of an id as tell the kernels apart, 8 at least. */
function shortIds(kernels: readonly Kernel[]): (id: string) => string {
  let length = 8;
  while (length < 36 && new Set(kernels.map(({ id }) => id.slice(0, length))).size < kernels.length) length += 1;
  return (id) => id.slice(0, length);
}

/** `room`: of a line; null: nothing is made shorter. */
function listing(kernels: readonly Kernel[], now: number, room: number | null): string {
  const columns = [
    { heading: 'ID' },
    { heading: 'NAME', cut: true },
    { heading: 'PHASE', cut: true },
    { heading: 'AGE', align: 'right' as const },
    { heading: 'CPUS', align: 'right' as const },
    { heading: 'MEMORY', align: 'right' as const },
    { heading: 'RUNTIME', cut: true },
    { heading: 'IMAGE', cut: true },
  ];
  const shown = room === null ? (id: string): string => id : shortIds(kernels);
  const rows = kernels.map((kernel) => [
    shown(kernel.id),
    kernel.name ?? '-',
    phaseText(kernel),
    describeAge(Math.max(0, now - kernel.createdAt)),
    String(kernel.limits.cpus),
    describeByteSize(kernel.limits.memoryBytes),
    kernel.runtime,
    kernel.image,
  ]);
  return table(columns, rows, room ?? undefined) + kernels.map((kernel) => stuckText(kernel, now)).join('');
}
