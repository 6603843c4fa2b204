/** Any Jupyter kernel of the image, by its name: `jupyter:bash`. It takes queries alone. */
import type { Runtime } from '../runtime.ts';
import { unable } from './plan.ts';

/** The runtime of the kernel of this name. */
export function jupyterRuntime(name: string): Runtime {
  const queriesOnly = () => unable(`the Jupyter kernel ${name} takes queries only; commands and services work`);
  return {
    type: `jupyter:${name}`,
    tools: [],
    environ: () => ({}),
    clean: queriesOnly,
    build: queriesOnly,
    exec: queriesOnly,
    program: queriesOnly,
    query: { by: 'jupyter', kernel: { name }, plan: queriesOnly },
  };
}
