/** Mode `query`: by the interpreter that keeps state, or by a plan of the runtime for each query. */
import type { Execution, Outcome } from '../execution.ts';
import type { Interpreter } from '../interpreter.ts';
import { executePlan } from '../plan-executor.ts';
import type { Runtime, RuntimeContext } from '../runtime.ts';

/** Runs it. */
export async function runQuery(
  execution: Execution,
  code: string,
  runtime: Runtime,
  context: RuntimeContext,
  interpreter: Interpreter | null,
): Promise<Outcome> {
  if (interpreter) return interpreter.execute(execution, code);
  if (runtime.query.by !== 'plan') throw new Error('unreachable: a runtime with a driver has an interpreter');
  const plan = runtime.query.plan(code, context);
  const exitCode = await executePlan(execution, plan);
  if (plan.kind === 'nothing' && exitCode !== 0 && !execution.stopped) return { exitCode, reason: 'unable' };
  return execution.outcome(exitCode);
}
