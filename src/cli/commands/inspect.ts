/** `kernelet inspect`: everything about a kernel. */
import type { Kernel } from '../../http/api-types.ts';
import { formatBitRate } from '../../lib/bit-rate.ts';
import { describeByteSize } from '../../lib/byte-size.ts';
import { describeDuration } from '../../lib/duration.ts';
import { maxOpenFiles } from '../../lib/open-files.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { facts } from '../screen.ts';

export const inspect = {
  name: 'inspect',
  summary: 'show everything about a kernel',
  description:
    'Shows a kernel: limits, ports, how long each step of its creation took, its runs, what it has used, and why it ended.',
  operands: ['<id>'],
  options: [],
  examples: [
    { command: 'kernelet inspect 3f2a', what: 'a name, or a unique beginning of the id, is enough' },
    { command: 'kernelet inspect 3f2a --json | jq .timings', what: 'for programs' },
  ],
  async run(call) {
    await using client = await daemonClient(call);
    const kernel = await client.inspect(call.operands[0] ?? '');
    await call.screen.either(kernel, () => facts(known(kernel, describe(kernel))));
    return 0;
  },
} satisfies CliCommand;

/** What nobody knows of a kernel that is unrecorded. */
const untold: ReadonlySet<string> = new Set([
  'name',
  'labels',
  'runtime',
  'OCI runtime',
  'disk limit',
  'home limit',
  'bandwidth',
  'open files',
  'mounts',
  'root file system',
  'environment',
  'ready',
  'steps',
]);

const known = ({ unrecordedSince }: Kernel, all: readonly (readonly [string, string])[]) =>
  unrecordedSince === null ? all : all.filter(([name]) => !untold.has(name));

function describe(kernel: Kernel): (readonly [string, string])[] {
  const { limits, termination, runner } = kernel;
  const accelerators = kernel.devices.filter(({ slot }) => slot.includes('.'));
  const processes = kernel.unrecordedSince === null ? `, ${limits.processes} processes` : '';
  const or = (items: readonly string[]): string => (items.length === 0 ? '-' : items.join(', '));
  return [
    ['id', kernel.id],
    ['name', kernel.name ?? '-'],
    ['labels', or(Object.entries(kernel.labels).map(([key, value]) => `${key}=${value}`))],
    ['phase', kernel.phase],
    ['image', kernel.image],
    ['runtime', kernel.runtime],
    ['user', `${kernel.user.uid}:${kernel.user.gid}`],
    ['OCI runtime', kernel.ociRuntime ?? "the engine's default"],
    [
      'limits',
      `${limits.cpus} ${limits.cpus === 1 ? 'CPU' : 'CPUs'}, ${describeByteSize(limits.memoryBytes)}${processes}`,
    ],
    [
      'devices',
      or(
        accelerators.map(({ slot, device, amount, lost }) => `${amount} ${slot} of ${device}${lost ? ' (lost)' : ''}`),
      ),
    ],
    ['disk limit', limits.diskBytes === null ? 'none' : describeByteSize(limits.diskBytes)],
    ['home limit', limits.homeBytes === null ? 'none' : describeByteSize(limits.homeBytes)],
    ['bandwidth', limits.bitsPerSecond === null ? 'not limited' : formatBitRate(limits.bitsPerSecond)],
    [
      'open files',
      limits.openFiles === null ? `as many as the engine gives, up to ${maxOpenFiles}` : String(limits.openFiles),
    ],
    ['network', kernel.network],
    ['ports', or(kernel.ports.map((port) => `${port.containerPort} → 127.0.0.1:${port.hostPort}`))],
    ['mounts', or(kernel.mounts.map(mountText))],
    ['root file system', kernel.readOnlyRoot ? 'read-only' : 'writable'],
    ['environment', or(kernel.environ)],
    ['container', kernel.containerId ?? '-'],
    ['generation', String(kernel.generation)],
    ['created', new Date(kernel.createdAt).toISOString()],
    ['ready', readyText(kernel)],
    ...pauseFacts(kernel),
    ...restartsFact(kernel.restarts),
    ...stuckFacts(kernel),
    ['steps', or(kernel.timings.map(({ step, ms }) => `${step} ${describeDuration(ms)}`))],
    ['runner', runner ? `${runner.phase}, interpreter ${runner.interpreter} ${runner.detail}`.trim() : '-'],
    [
      'runs',
      or(kernel.runs.map(({ run, phase, exitCode }) => `${run} ${phase}${exitCode === null ? '' : ` ${exitCode}`}`)),
    ],
    ...droppedFact(kernel.droppedReports),
    ...usageFacts(kernel.usage),
    ['ended', termination ? `${termination.reason}: ${termination.detail}` : 'no'],
    ...kernel.warnings.map((warning): readonly [string, string] => ['warning', warning]),
  ];
}

const pausers = {
  request: 'by a request',
  idle: 'by its idle time-out',
  others: 'by others, who have asked the engine',
};

function pauseFacts({ idleTimeoutMs, onIdle, expiresAt, paused }: Kernel): (readonly [string, string])[] {
  return [
    ...(idleTimeoutMs === null
      ? []
      : [
          ['when idle', `${onIdle === 'end' ? 'ends' : 'is paused'} after ${describeDuration(idleTimeoutMs)}`] as const,
        ]),
    ...(expiresAt === null ? [] : [['ends at', new Date(expiresAt).toISOString()] as const]),
    ...(paused === null
      ? []
      : [['paused since', `${new Date(paused.since).toISOString()}: ${pausers[paused.by]}`] as const]),
  ];
}

function restartsFact(restarts: Kernel['restarts']): (readonly [string, string])[] {
  if (restarts === null) return [];
  const { count, reason, detail, at } = restarts;
  return [['restarts', `${count}, the last at ${new Date(at).toISOString()}: ${reason}: ${detail}`]];
}

function stuckFacts(kernel: Kernel): (readonly [string, string])[] {
  const { stuck, missingSince, unreachableSince, unrecordedSince } = kernel;
  if (stuck === null) return [];
  const states = { missing: missingSince, unreachable: unreachableSince, unrecorded: unrecordedSince };
  const [state = 'stuck'] = Object.entries(states).find(([, since]) => since !== null) ?? [];
  return [
    [`${state} since`, `${new Date(stuck.since).toISOString()}: ${stuck.why}`],
    ['next', stuck.next],
  ];
}

/** Nobody looks for it while there are none. */
const droppedFact = (count: number): (readonly [string, string])[] =>
  count === 0 ? [] : [['dropped reports', `${count}, which nobody asked its runner for`]];

/** How long the creation took is known of the first container only. */
function readyText({ readyAt, createdAt, generation }: Kernel): string {
  if (readyAt === null) return '-';
  const since = new Date(readyAt).toISOString();
  return generation === 1 ? `${since}, after ${describeDuration(readyAt - createdAt)}` : since;
}

function usageFacts(usage: Kernel['usage']): (readonly [string, string])[] {
  if (usage === null) return [['used', '-']];
  const bytes = (value: number | null): string => (value === null ? '-' : describeByteSize(value));
  return [
    [
      'used',
      `${usage.cpuSeconds === null ? '-' : usage.cpuSeconds.toFixed(2)} s of CPU time, at most ${bytes(usage.memoryPeakBytes)} of memory and ${usage.processesPeak ?? '-'} processes`,
    ],
    [
      'disk',
      `${bytes(usage.readBytes)} read, ${bytes(usage.writtenBytes)} written, scratch folder ${bytes(usage.scratchPeakBytes)} at most`,
    ],
    ['network use', `${bytes(usage.receivedBytes)} received, ${bytes(usage.sentBytes)} sent`],
    ...usage.overuse.map(({ kind, count, lastAt, detail }): readonly [string, string] => [
      'over-use',
      `${kind}, ${count} in all, last at ${new Date(lastAt).toISOString()}: ${detail}`,
    ]),
  ];
}

const mountText = ({ source, target, readOnly }: Kernel['mounts'][number]): string =>
  `${source} → ${target}${readOnly ? ' (read-only)' : ''}`;
