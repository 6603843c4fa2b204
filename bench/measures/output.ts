/** P14: 200 MB printed by a program, measured at the standard output of the command line, and the daemon's growth. */
import { once } from 'node:events';
import type { Measure } from '../measure.ts';

const bytes = 200e6;
const program = `import sys
block = ("x" * 79 + "\\n") * 800
for _ in range(${bytes} // len(block)):
    sys.stdout.write(block)
`;

export const output: Measure = {
  ids: ['P14'],
  title: 'output',
  async run(stage) {
    const id = await stage.create();
    try {
      const before = await stage.residentBytes();
      await stage.forgetPeak();
      const child = stage.spawnKernelet('exec', id, '-c', program);
      let received = 0;
      let begun = 0;
      let ended = 0;
      child.stdout?.on('data', (chunk: Buffer) => {
        if (received === 0) begun = performance.now();
        received += chunk.length;
        ended = performance.now();
      });
      const [status] = await once(child, 'close');
      const growth = (await stage.peakResidentBytes()) - before;
      const expected = Math.floor(bytes / 64_000) * 64_000;
      if (status !== 0 || received !== expected)
        throw new Error(`status ${status}, ${received} bytes of ${expected} arrived`);
      return {
        P14: [
          {
            name: 'output at the command line',
            value: received / 1e6 / ((ended - begun) / 1000),
            unit: 'MB/s',
            must: 60,
            goal: 250,
            larger: true,
          },
          { name: 'growth of the daemon', value: growth / 1e6, unit: 'MB', must: 50, goal: 16 },
        ],
      };
    } finally {
      await stage.destroy(id);
    }
  },
};
