/** `kernelet stats`: what kernels use. */
import { describeByteSize } from '../../lib/byte-size.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { table } from '../table.ts';

/** The command. */
export const stats = {
  name: 'stats',
  summary: 'show what kernels use',
  description: 'Shows processor time, memory and processes of the running kernels, read now.',
  operands: [],
  options: [],
  examples: [{ command: 'kernelet stats --json | jq .', what: 'for programs: one array' }],
  async run(call) {
    await using client = await daemonClient(call);
    const figures = await client.stats();
    const right = (heading: string) => ({ heading, align: 'right' as const });
    await call.screen.either(figures, () =>
      table(
        [
          { heading: 'ID' },
          right('CPU'),
          right('MEMORY'),
          right('PEAK'),
          right('LIMIT'),
          right('PROCESSES'),
          right('OOM'),
        ],
        figures.map((kernel) => [
          kernel.id,
          `${kernel.cpuSeconds.toFixed(2)} s`,
          describeByteSize(kernel.memoryBytes),
          describeByteSize(kernel.memoryPeakBytes),
          describeByteSize(kernel.memoryLimitBytes),
          String(kernel.processes),
          String(kernel.outOfMemoryKills),
        ]),
      ),
    );
    return 0;
  },
} satisfies CliCommand;
