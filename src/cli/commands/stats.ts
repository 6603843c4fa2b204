/** `kernelet stats`: what kernels use. */
import type { KernelFigures } from '../../http/api-types.ts';
import { describeByteSize } from '../../lib/byte-size.ts';
import { figuresShown, type NumberName, type Unit } from '../../stats/figures.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { resumeStream } from '../resumed-stream.ts';
import { table } from '../screen.ts';

const defaultIntervalMs = 2_000;
/** The beginning of an id, which is enough for people and leaves them room for the figures. */
const shortId = 8;
/** Puts the cursor at the top left and clears what is below. */
const clearScreen = '\x1b[H\x1b[2J';

export const stats = {
  name: 'stats',
  summary: 'show what kernels use',
  description:
    'Shows what running kernels use, all of them or those that are named, read now: CPU time, cores in use, memory, processes, bytes read and written on disks and over the network, the space of their files, kills for want of memory, and how much of accelerators is used. With --follow a table that is brought up to date until Ctrl-C. A terminal gets the beginnings of ids.',
  operands: ['[id...]'],
  options: [
    { flags: '-f, --follow', help: 'go on until Ctrl-C' },
    { flags: '--interval <duration>', help: 'with --follow: from one reading to the next; 2s when absent' },
  ],
  examples: [
    { command: 'kernelet stats -f', what: 'watch' },
    { command: 'kernelet stats 3f2a', what: 'one kernel; a unique beginning of the id is enough' },
    { command: 'kernelet stats --json | jq .', what: 'for programs: one array' },
    { command: 'kernelet stats -f --json', what: 'for programs: one array a line, every two seconds' },
  ],
  async run(call) {
    const { operands, options, screen } = call;
    const intervalMs = Math.min(
      3_600_000,
      Math.max(100, Math.round(options.duration('interval') ?? defaultIntervalMs)),
    );
    const { isTerminal } = screen.io.stdout;
    const { signal } = call.listen();
    await using client = await daemonClient(call);
    const wanted = new Set(await Promise.all(operands.map(async (id) => (await client.inspect(id)).id)));
    const chosen = (all: readonly KernelFigures[]) =>
      wanted.size === 0 ? all : all.filter(({ id }) => wanted.has(id));
    if (!options.flag('follow')) {
      const figures = chosen(await client.stats());
      await screen.either(figures, () => tableOf(figures, isTerminal));
      return 0;
    }
    const begin = isTerminal ? clearScreen : '';
    const stream = resumeStream((retry) => client.followStats(intervalMs, { signal, retry }), signal);
    for await (const round of stream) {
      const figures = chosen(round.stats);
      await screen.either(figures, () => `${begin}${tableOf(figures, isTerminal)}`);
    }
    return 0;
  },
} satisfies CliCommand;

function tableOf(figures: readonly KernelFigures[], isShort: boolean): string {
  const right = (heading: string) => ({ heading, align: 'right' as const });
  const measures = [...new Set(figures.flatMap(({ devices }) => devices.map(({ measure }) => measure)))];
  const columns = figuresShown('now').flatMap(({ name, column, unit }) =>
    column === undefined ? [] : [{ column, unit, of: (kernel: KernelFigures) => kernel[name as NumberName] }],
  );
  return table(
    [
      { heading: 'ID' },
      ...[...columns.map(({ column }) => column), ...measures.map((measure) => measure.toUpperCase())].map(right),
    ],
    figures.map((kernel) => [
      isShort ? kernel.id.slice(0, shortId) : kernel.id,
      ...columns.map(({ unit, of }) => figureText(of(kernel), unit)),
      ...measures.map((name) => deviceText(kernel.devices.find(({ measure }) => measure === name))),
    ]),
  );
}

function figureText(value: number | null, unit: Unit): string {
  if (value === null) return '-';
  switch (unit) {
    case 'seconds':
      return `${value.toFixed(2)} s`;
    case 'cores':
      return value.toFixed(2);
    case 'bytes':
      return describeByteSize(value);
    default:
      return String(value);
  }
}

function deviceText(figure: KernelFigures['devices'][number] | undefined): string {
  // A kernel without devices may be told to use none of nothing.
  if (!figure || figure.capacity === 0) return '-';
  const { value, capacity, unit } = figure;
  const text = (amount: number): string =>
    unit === 'bytes' ? describeByteSize(amount) : unit === 'percent' ? `${amount} %` : `${amount} ${unit}`;
  return capacity === null || unit === 'percent' ? text(value) : `${text(value)} / ${text(capacity)}`;
}
