import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { growDescriptorTable } from './descriptor-table.ts';

const room = (): number => Number(/^FDSize:\s*(\d+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
const openFiles = (): number => readdirSync('/proc/self/fd').length;

it('makes room for files to come, and leaves none open', async () => {
  const [before, wanted] = [openFiles(), room() + 1];
  await growDescriptorTable(wanted);
  expect(room()).toBeGreaterThanOrEqual(wanted);
  expect(openFiles()).toBeLessThan(before + 20);
});
