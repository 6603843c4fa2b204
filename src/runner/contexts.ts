/**
 * The contexts of this kernel: `main`, whose runtime is the kernel's, and those that were made beside it, each with an interpreter
 * of its own where its language keeps state between queries.
 */
import type { Clock } from '../lib/clock.ts';
import { KerneletError } from '../lib/errors.ts';
import {
  type ContextSpec,
  type ContextState,
  type InterpreterState,
  mainContext,
  maxContexts,
} from '../protocol/kernel-contexts.ts';
import { Interpreter } from './interpreter.ts';
import type { Runs } from './runs.ts';
import { type Runtime, type RuntimeContext, runtimeContext } from './runtime.ts';
import { resolveRuntime } from './runtimes/index.ts';
import { jupyterDriver } from './runtimes/jupyter-driver.ts';
import type { Tenant } from './tenant.ts';

/** A runtime with what it knows when it plans. */
export interface PreparedRuntime {
  readonly runtime: Runtime;
  readonly context: RuntimeContext;
}

/** A context as the runner has it. */
export interface Context extends PreparedRuntime {
  readonly spec: ContextSpec;
  /** null: its runtime keeps no state. */
  readonly interpreter: Interpreter | null;
}

/** What contexts are made with. */
export interface ContextsOptions {
  readonly tenant: Tenant;
  readonly clock: Clock;
  readonly runs: Pick<Runs, 'cancelIn' | 'runningIn' | 'waitingIn'>;
  /** The runtime of the kernel. */
  readonly main: PreparedRuntime;
  /** The state of the main interpreter has changed. */
  mainChanged(state: InterpreterState, detail: string): void;
}

/** Makes, restarts and removes the contexts of one kernel. */
export class Contexts {
  readonly #options: ContextsOptions;
  readonly #contexts = new Map<string, Context>();

  constructor(options: ContextsOptions) {
    this.#options = options;
    const { main, mainChanged } = options;
    this.#add({ name: mainContext, runtime: null, cwd: null }, main, mainChanged);
    if (this.main.interpreter) mainChanged('idle', '');
  }

  /** Where queries run that name none. */
  get main(): Context {
    return this.get(mainContext);
  }

  /** Throws CONTEXT_NOT_FOUND. */
  get(name: string): Context {
    const context = this.#contexts.get(name);
    if (!context) throw new KerneletError('CONTEXT_NOT_FOUND', `this kernel has no context ${name}`);
    return context;
  }

  /** Throws CONTEXT_EXISTS, OVERLOADED, and NOT_SUPPORTED where the image has not what the language needs. */
  async create(spec: ContextSpec): Promise<{ readonly existing: boolean }> {
    // Before all else, since the context may come or go meanwhile.
    const prepared = await this.#prepare(spec.runtime);
    const present = this.#contexts.get(spec.name);
    if (present && isSame(present.spec, spec) && spec.name !== mainContext) return { existing: true };
    if (present) throw new KerneletError('CONTEXT_EXISTS', `this kernel has another context ${spec.name}`);
    if (this.#contexts.size >= maxContexts) {
      throw new KerneletError('OVERLOADED', `this kernel has ${maxContexts} contexts already: remove one first`);
    }
    const { query, type } = prepared.runtime;
    const start = query.by === 'driver' ? query.start(prepared.context) : null;
    const unable = start && 'unable' in start ? start.unable.replace(/^kernelet: /, '') : null;
    // Whether a Jupyter kernel of some name is there is shown by its start.
    const isNamedKernel = query.by === 'jupyter' && 'name' in query.kernel;
    if (unable !== null || (prepared.context.tool === null && !isNamedKernel)) {
      const why = unable ?? `this image has nothing that runs ${type}`;
      throw new KerneletError('NOT_SUPPORTED', `no context ${spec.name}: ${why}`);
    }
    void this.#add(spec, prepared, () => {}).interpreter?.start();
    return { existing: false };
  }

  /** Cancels what runs and waits in it, and ends its interpreter. Throws CONTEXT_NOT_FOUND, INVALID_ARGUMENT. */
  async remove(name: string): Promise<void> {
    const context = this.get(name);
    if (name === mainContext) {
      throw new KerneletError('INVALID_ARGUMENT', `the context ${mainContext} stays as long as its kernel: restart it`);
    }
    this.#contexts.delete(name);
    await this.#empty(context);
  }

  /** Cancels what runs and waits in it, and starts its interpreter anew. Throws CONTEXT_NOT_FOUND. */
  async restart(name: string): Promise<void> {
    const context = this.get(name);
    await this.#empty(context);
    // It may be removed by now.
    if (this.#contexts.get(name) === context) void context.interpreter?.start();
  }

  list(): readonly ContextState[] {
    const { runs } = this.#options;
    return [...this.#contexts.values()].map(({ spec: { name, cwd }, runtime, interpreter }) => ({
      name,
      runtime: runtime.type,
      cwd,
      state: interpreter?.state ?? 'none',
      detail: interpreter?.detail ?? '',
      waiting: runs.waitingIn(name),
      running: runs.runningIn(name)?.id ?? null,
    }));
  }

  async #prepare(type: string | null): Promise<PreparedRuntime> {
    const { main } = this.#options;
    if (type === null || type === main.runtime.type) return main;
    const { runtime, warning } = await resolveRuntime(type);
    if (warning !== null) throw new KerneletError('NOT_SUPPORTED', `no runtime is called ${type}`);
    const { home, environ } = this.#options.tenant;
    return { runtime, context: runtimeContext(runtime, { namedTool: null, home, environ }) };
  }

  #add(spec: ContextSpec, prepared: PreparedRuntime, changed: ContextsOptions['mainChanged']): Context {
    const { tenant, clock } = this.#options;
    const { runtime, context } = prepared;
    const { query } = runtime;
    const interpreter =
      query.by === 'plan'
        ? null
        : new Interpreter({
            tenant,
            clock,
            start: () => {
              const environ = runtime.environ(context);
              const command =
                query.by === 'driver' ? query.start(context) : jupyterDriver(query.kernel, context, environ);
              if ('unable' in command) return command;
              return { ...command, cwd: spec.cwd, environ: { ...environ, ...command.environ } };
            },
            stateChanged: changed,
          });
    const added = { ...prepared, spec, interpreter };
    this.#contexts.set(spec.name, added);
    return added;
  }

  async #empty({ spec, interpreter }: Context): Promise<void> {
    this.#options.runs.cancelIn(spec.name);
    await interpreter?.end();
  }
}

const isSame = (one: ContextSpec, other: ContextSpec): boolean =>
  one.runtime === other.runtime && one.cwd === other.cwd;
