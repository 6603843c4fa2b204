/** Types that images may name and that are not built yet: every request is answered by 127 and one line. */
import { runtimeTable } from '../../protocol/runtimes.ts';
import type { Runtime } from '../runtime.ts';
import { unable } from './plan.ts';

function unavailableRuntime(type: string, title: string): Runtime {
  const message = `the runtime ${type} (${title}) is not available in this version; shell commands and services work`;
  const refuse = () => unable(message);
  return {
    type,
    tools: [],
    environ: () => ({}),
    clean: refuse,
    build: refuse,
    exec: refuse,
    program: refuse,
    query: { by: 'plan', plan: refuse },
  };
}

/** One runtime for each such type of the table. */
export const unavailable: readonly Runtime[] = runtimeTable
  .filter((info) => !info.built)
  .map((info) => unavailableRuntime(info.type, info.title));
