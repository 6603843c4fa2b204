/** The runtimes by their type. */
import { defaultRuntimeType, runtimeTable } from '../../protocol/runtimes.ts';
import type { Runtime } from '../runtime.ts';
import { c, cpp } from './compiled.ts';
import { nodejs } from './nodejs.ts';
import { unable } from './plan.ts';
import { python } from './python.ts';
import { app, shell } from './shell.ts';

/** A type that images may name and that is not built yet: every request is answered by 127 and one line. */
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

/** One runtime for each type of the table that this version does not run. */
const unavailable: readonly Runtime[] = runtimeTable
  .filter((info) => !info.built)
  .map((info) => unavailableRuntime(info.type, info.title));

const byType: ReadonlyMap<string, Runtime> = new Map(
  [python, nodejs, c, cpp, shell, app, ...unavailable].map((runtime) => [runtime.type, runtime]),
);

/**
 * The runtime of a type. One that nobody knows falls back to `app`, with a warning for the log, so that the image's
 * services and shell commands still work (spec kernel-runner 2.4).
 */
export function resolveRuntime(type: string): { readonly runtime: Runtime; readonly warning: string | null } {
  const runtime = byType.get(type);
  if (runtime) return { runtime, warning: null };
  return {
    runtime: app,
    warning: `unknown runtime type ${JSON.stringify(type.slice(0, 80))}: taking it for ${defaultRuntimeType}`,
  };
}
