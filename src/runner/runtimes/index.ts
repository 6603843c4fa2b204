/** The runtimes by their type. Only the one of the container is loaded: each module costs every kernel memory. */
import { defaultRuntimeType, kernelOfType } from '../../protocol/runtimes.ts';
import type { Runtime } from '../runtime.ts';

const runtimes: Readonly<Record<string, () => Promise<Runtime>>> = {
  app: async () => (await import('./shell.ts')).app,
  c: async () => (await import('./c.ts')).c,
  cpp: async () => (await import('./c.ts')).cpp,
  git: async () => (await import('./git.ts')).git,
  golang: async () => (await import('./golang.ts')).golang,
  haskell: async () => (await import('./haskell.ts')).haskell,
  java: async () => (await import('./java.ts')).java,
  julia: async () => (await import('./julia.ts')).julia,
  lua: async () => (await import('./lua.ts')).lua,
  nodejs: async () => (await import('./nodejs.ts')).nodejs,
  octave: async () => (await import('./octave.ts')).octave,
  php: async () => (await import('./php.ts')).php,
  python: async () => (await import('./python.ts')).python,
  r: async () => (await import('./r.ts')).r,
  r_server_ms: async () => (await import('./remote.ts')).microsoftRServer,
  rust: async () => (await import('./rust.ts')).rust,
  scheme: async () => (await import('./scheme.ts')).scheme,
  shell: async () => (await import('./shell.ts')).shell,
  typescript: async () => (await import('./typescript.ts')).typescript,
  'vendor.aws_polly': async () => (await import('./remote.ts')).awsPolly,
  'vendor.h2o': async () => (await import('./h2o.ts')).h2o,
};

/**
 * The runtime of a type. One that nobody knows falls back to `app`, with a warning for the log, so that the image's
 * services and shell commands still work (spec kernel-runner 2.4).
 */
export async function resolveRuntime(
  type: string,
): Promise<{ readonly runtime: Runtime; readonly warning: string | null }> {
  const load = Object.hasOwn(runtimes, type) ? runtimes[type] : undefined;
  if (load) return { runtime: await load(), warning: null };
  const kernel = kernelOfType(type);
  if (kernel !== null) return { runtime: (await import('./jupyter.ts')).jupyterRuntime(kernel), warning: null };
  return {
    runtime: (await import('./shell.ts')).app,
    warning: `unknown runtime type ${JSON.stringify(type.slice(0, 80))}: taking it for ${defaultRuntimeType}`,
  };
}
