/**
 * Carries out runs by their mode: query, batch, program or command (spec kernel-runner 8). What is alike for all of them,
 * such as the time limit and the input, is in `execution.ts`.
 */
import type { Clock } from '../lib/clock.ts';
import type { ExecuteRequest } from '../protocol/execute-request.ts';
import { Execution, type Outcome } from './execution.ts';
import type { Interpreter } from './interpreter.ts';
import { executePlan } from './plan-executor.ts';
import type { Run } from './run.ts';
import type { Plan, Runtime, RuntimeContext } from './runtime.ts';
import { imageShell } from './runtime-context.ts';
import { batchMode, cannotRun } from './runtimes/plan.ts';
import type { Tenant } from './tenant.ts';

/** What carrying out needs; complete once the runner is ready. */
export interface ExecutorParts {
  readonly tenant: Tenant;
  readonly clock: Clock;
  readonly runtime: Runtime;
  readonly context: RuntimeContext;
  /** Of a runtime that keeps state between queries; null for others. */
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
  const { request } = run;
  if (!request) throw new Error('unreachable: a run that has not ended has its request');
  switch (request.mode) {
    case 'query':
      return runQuery(execution, request.code, parts);
    case 'batch':
      return runBatch(execution, request, parts);
    case 'program':
      return runProgram(execution, request, parts);
    case 'command':
      return runCommand(execution, request.argv);
  }
}

/** By the interpreter that keeps state, or by a plan of the runtime for each query. */
async function runQuery(execution: Execution, code: string, parts: ExecutorParts): Promise<Outcome> {
  const { runtime, context, interpreter } = parts;
  if (interpreter) return interpreter.execute(execution, code);
  if (runtime.query.by !== 'plan') throw new Error('unreachable: a runtime with a driver has an interpreter');
  return planOutcome(execution, runtime.query.plan(code, context));
}

/** Like the language's own command line, standard input streamed. */
async function runProgram(
  execution: Execution,
  request: Extract<ExecuteRequest, { mode: 'program' }>,
  { runtime, context }: ExecutorParts,
): Promise<Outcome> {
  await execution.openInput();
  return planOutcome(execution, runtime.program(request.source, request.args, context));
}

/** A command of the image, its standard input streamed. */
async function runCommand(execution: Execution, argv: readonly string[]): Promise<Outcome> {
  await execution.openInput();
  const { exitCode, notStarted } = await execution.command({ argv }, true);
  if (notStarted !== null && exitCode === cannotRun && !execution.stopped) return { exitCode, reason: 'unable' };
  return execution.outcome(exitCode);
}

/**
 * Clean, build, exec, each with an event for its end, always all three and in this order (spec kernel-runner 8.1 to 8.3).
 * The outcome is that of exec; a failed build makes it 127 without running.
 */
async function runBatch(
  execution: Execution,
  request: Extract<ExecuteRequest, { mode: 'batch' }>,
  { runtime, context }: ExecutorParts,
): Promise<Outcome> {
  const step = (text: string | null, heuristic: (context: RuntimeContext) => Plan): Promise<number> =>
    runStep(execution, text, () => heuristic(context));
  const cleaned = await step(request.clean, runtime.clean);
  execution.run.emit({ kind: 'clean-finished', exitCode: cleaned });
  const built = await step(request.build, runtime.build);
  execution.run.emit({ kind: 'build-finished', exitCode: built });
  if (execution.stopped) return execution.outcome(built);
  if (built !== 0) return { exitCode: cannotRun, reason: 'exited' };
  return execution.outcome(await step(request.exec, runtime.exec));
}

async function runStep(execution: Execution, text: string | null, heuristic: () => Plan): Promise<number> {
  if (execution.stopped) return execution.stopped.exitCode;
  if (text === null || text === '') return 0;
  if (text === '*') return executePlan(execution, heuristic());
  const command = { argv: [imageShell(), '-c', text], environ: batchMode };
  return (await execution.command(command, false)).exitCode;
}

async function planOutcome(execution: Execution, plan: Plan): Promise<Outcome> {
  const exitCode = await executePlan(execution, plan);
  if (plan.kind === 'nothing' && exitCode !== 0 && !execution.stopped) return { exitCode, reason: 'unable' };
  return execution.outcome(exitCode);
}
