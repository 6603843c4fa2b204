/** Builds the fake libraries of NVIDIA with the machine's C compiler, which is installed when it is missing. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '../../scripts/engine/command.mjs';
import { installPackages, isDebian } from '../../scripts/engine/packages.mjs';

const run = promisify(execFile);
const source = join(import.meta.dirname, 'fake-nvml.c');
const compileMs = 60_000;

/** How a library behaves: macros of `fake-nvml.c`. */
export type FakeNvmlMacros = readonly string[];

/** Libraries in a folder of their own. */
export interface FakeNvml extends AsyncDisposable {
  /** The path of a library; throws when it cannot be built. */
  build(macros?: FakeNvmlMacros): Promise<string>;
}

/** Makes the folder, and sees to a compiler. */
export async function fakeNvml(): Promise<FakeNvml> {
  if (!(await findProgram('gcc'))) {
    if (!(await isDebian())) throw new Error('gcc is needed to build the fake libraries: install it');
    await installPackages(['gcc', 'libc6-dev'], (text) => process.stderr.write(`${text}\n`));
  }
  const folder = await mkdtemp(join(tmpdir(), 'kernelet-nvml-'));
  let count = 0;
  return {
    async build(macros = []) {
      count += 1;
      const library = join(folder, `lib${count}.so`);
      const flags = macros.map((macro) => `-D${macro}`);
      await run('gcc', ['-shared', '-fPIC', '-o', library, ...flags, source], { timeout: compileMs });
      return library;
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
