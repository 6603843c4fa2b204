/** Mode `program`: like the language's own command line, standard input streamed. */
import type { ExecuteRequest } from '../../protocol/execute-request.ts';
import type { Execution, Outcome } from '../execution.ts';
import { executePlan } from '../plan-executor.ts';
import type { Runtime, RuntimeContext } from '../runtime.ts';

/** Runs it. */
export async function runProgram(
  execution: Execution,
  request: Extract<ExecuteRequest, { mode: 'program' }>,
  runtime: Runtime,
  context: RuntimeContext,
): Promise<Outcome> {
  await execution.openInput();
  const plan = runtime.program(request.source, request.args, context);
  const exitCode = await executePlan(execution, plan);
  if (plan.kind === 'nothing' && exitCode !== 0 && !execution.stopped) return { exitCode, reason: 'unable' };
  return execution.outcome(exitCode);
}
