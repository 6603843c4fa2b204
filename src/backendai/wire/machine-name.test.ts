import { expect, it } from 'vitest';
import { machineName } from './machine-name.ts';

it('names machines as managers do', () => {
  expect(['ARM64', 'amd64', 'i686', 'riscv64'].map(machineName)).toEqual(['aarch64', 'x86_64', 'x86', 'riscv64']);
});
