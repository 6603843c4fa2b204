/**
 * Mode `batch`: clean, build, exec, each with an event for its end, always all three and in this order (spec
 * kernel-runner 8.1 to 8.3). A failed build makes exec end with 127 without running.
 */
import type { ExecuteRequest } from '../../protocol/execute-request.ts';
import type { Execution, Outcome } from '../execution.ts';
import { executePlan } from '../plan-executor.ts';
import type { Plan, Runtime, RuntimeContext } from '../runtime.ts';
import { imageShell } from '../runtime-context.ts';

const notBuilt = 127;
const batchVariables = { _BACKEND_BATCH_MODE: '1' };

/** Runs it; the outcome is that of exec. */
export async function runBatch(
  execution: Execution,
  request: Extract<ExecuteRequest, { mode: 'batch' }>,
  runtime: Runtime,
  context: RuntimeContext,
): Promise<Outcome> {
  const step = (text: string | null, heuristic: (context: RuntimeContext) => Plan): Promise<number> =>
    runStep(execution, text, () => heuristic(context));
  const cleaned = await step(request.clean, runtime.clean);
  execution.run.emit({ kind: 'clean-finished', exitCode: cleaned });
  const built = await step(request.build, runtime.build);
  execution.run.emit({ kind: 'build-finished', exitCode: built });
  if (execution.stopped) return execution.outcome(built);
  if (built !== 0) return { exitCode: notBuilt, reason: 'exited' };
  return execution.outcome(await step(request.exec, runtime.exec));
}

async function runStep(execution: Execution, text: string | null, heuristic: () => Plan): Promise<number> {
  if (execution.stopped) return execution.stopped.exitCode;
  if (text === null || text === '') return 0;
  if (text === '*') return executePlan(execution, heuristic());
  const command = { argv: [imageShell(), '-c', text], environ: batchVariables };
  return (await execution.command(command, false)).exitCode;
}
