import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '..', '..');

/** The tour, as `npm run demo` runs it once everything is installed and built. */
function startTour() {
  const child = spawn(process.execPath, ['demo/main.ts'], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  child.stdout.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
  return { child, printed: () => lines.join('') };
}

it('the tour ends well and leaves nothing behind', async () => {
  const { child, printed } = startTour();
  const [status] = await once(child, 'close');
  expect([status, printed()]).toEqual([0, expect.stringContaining('Nothing is left')]);
});

it('the tour leaves nothing behind when it is interrupted', async () => {
  const { child, printed } = startTour();
  while (!printed().includes('A C program')) await new Promise((resolve) => setTimeout(resolve, 50));
  child.kill('SIGINT');
  const [status] = await once(child, 'close');
  expect([status, printed()]).toEqual([130, expect.stringContaining('Nothing is left')]);
});
