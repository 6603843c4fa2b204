/** Carries out runs by their mode. */
import type { Clock } from '../lib/clock.ts';
import { Execution, type Outcome } from './execution.ts';
import type { Interpreter } from './interpreter.ts';
import { runBatch } from './modes/batch.ts';
import { runCommand } from './modes/command.ts';
import { runProgram } from './modes/program.ts';
import { runQuery } from './modes/query.ts';
import type { Run } from './run.ts';
import type { Runtime, RuntimeContext } from './runtime.ts';
import type { Tenant } from './tenant.ts';

/** What carrying out needs; complete once the runner is ready. */
export interface ExecutorParts {
  readonly tenant: Tenant;
  readonly clock: Clock;
  readonly runtime: Runtime;
  readonly context: RuntimeContext;
  readonly interpreter: Interpreter | null;
}

/** Carries a run out to its end. */
export async function executeRun(run: Run, parts: ExecutorParts): Promise<void> {
  using execution = new Execution(run, parts.tenant, parts.clock);
  run.begin(execution);
  const { exitCode, reason } = await outcomeOf(run, execution, parts);
  run.finish(exitCode, reason);
}

function outcomeOf(run: Run, execution: Execution, parts: ExecutorParts): Promise<Outcome> {
  const { runtime, context, interpreter } = parts;
  const { request } = run;
  if (!request) throw new Error('unreachable: a run that has not ended has its request');
  switch (request.mode) {
    case 'query':
      return runQuery(execution, request.code, runtime, context, interpreter);
    case 'batch':
      return runBatch(execution, request, runtime, context);
    case 'program':
      return runProgram(execution, request, runtime, context);
    case 'command':
      return runCommand(execution, request.argv);
  }
}
