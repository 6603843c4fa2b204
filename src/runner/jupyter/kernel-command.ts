/** The command line and the environment that a kernelspec means (Jupyter's "Kernel specs"). Pure. */
import { posix } from 'node:path';
import type { Kernelspec } from './kernelspecs.ts';

/** The process that a kernelspec means. */
export interface KernelCommand {
  readonly argv: readonly string[];
  readonly environ: NodeJS.ProcessEnv;
}

const python = /^python(3(\.\d+)?)?$/;

/** What starts the kernel that finds this connection file. `which`: the path of a program, by its path or on PATH, or null. */
export function kernelCommand(
  { argv, env, folder }: Kernelspec,
  connectionFile: string,
  environ: NodeJS.ProcessEnv,
  which: (program: string) => string | null,
): KernelCommand {
  // <prefix>/share/jupyter/kernels/<name>
  const prefix = posix.resolve(folder, '../../../..');
  const values = new Map([
    ['connection_file', connectionFile],
    ['resource_dir', folder],
    ['prefix', prefix],
  ]);
  const [program = '', ...args] = argv.map((item) =>
    item.replace(/\{(\w+)\}/g, (whole, name: string) => values.get(name) ?? whole),
  );
  const expanded = Object.entries(env).map(([name, value]) => [
    name,
    value.replace(/\$\{(\w+)\}/g, (whole, variable: string) => environ[variable] ?? whole),
  ]);
  return {
    argv: [python.test(program) ? pythonOf(program, prefix, which) : program, ...args],
    environ: { ...environ, ...Object.fromEntries(expanded) },
  };
}

/** A spec that says `python` means the Python that it was installed with. */
function pythonOf(program: string, prefix: string, which: (program: string) => string | null): string {
  return which(`${prefix}/bin/${program}`) ?? which(program) ?? which('python3') ?? program;
}
