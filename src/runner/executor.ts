/**
 * Carries out runs by their mode: query, batch, program or command (spec kernel-runner 8), and the plans that runtimes make
 * of them, with the tenant's ids. What is alike for all of them,
 * such as the time limit and the input, is in `execution.ts`.
 */
import { posix } from 'node:path';
import type { Clock } from '../lib/clock.ts';
import type { ExecuteRequest, ProgramSource } from '../protocol/execute-request.ts';
import { mainContext } from '../protocol/kernel-contexts.ts';
import type { Contexts } from './contexts.ts';
import { Execution, type Outcome } from './execution.ts';
import type { Run } from './run.ts';
import { imageShell, type Plan, type PlanStep, type RuntimeContext } from './runtime.ts';
import { batchMode, cannotRun } from './runtimes/plan.ts';
import type { Tenant } from './tenant.ts';
import { volumePaths } from './volume-paths.ts';

const writeScript = 'mkdir -p "${1%/*}" && cat >"$1" && if [ -n "$2" ]; then chmod +x "$1"; fi';
const internalFailure = 126;
const removeTimeoutMs = 10_000;

/** What carrying out needs; complete once the runner is ready. */
export interface ExecutorParts {
  readonly tenant: Tenant;
  readonly clock: Clock;
  readonly contexts: Contexts;
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
      return runQuery(execution, request, parts);
    case 'batch':
      return runBatch(execution, request, parts);
    case 'program':
      return runProgram(execution, request, parts);
    case 'command':
      return runCommand(execution, request.argv);
  }
}

/** By the interpreter that keeps state, or by a plan of the runtime for each query. */
async function runQuery(
  execution: Execution,
  { code, context: name = mainContext }: Extract<ExecuteRequest, { mode: 'query' }>,
  { contexts }: ExecutorParts,
): Promise<Outcome> {
  const { runtime, context, interpreter } = contexts.get(name);
  const { query } = runtime;
  const hasInterpreter = query.by === 'driver' || (await interpreter?.isThere());
  if (interpreter && hasInterpreter) return interpreter.execute(execution, code);
  if (query.by === 'driver') throw new Error('unreachable: a runtime with a driver has an interpreter');
  return planOutcome(execution, query.plan(code, context));
}

/** Like the language's own command line, standard input streamed. */
async function runProgram(
  execution: Execution,
  request: Extract<ExecuteRequest, { mode: 'program' }>,
  { contexts }: ExecutorParts,
): Promise<Outcome> {
  const { runtime, context } = contexts.main;
  await execution.openInput();
  return planOutcome(execution, runtime.program(sourceOf(request, context), request.args, context));
}

/** A file is named from the home on, wherever the program runs. */
function sourceOf(
  { source, cwd }: Extract<ExecuteRequest, { mode: 'program' }>,
  { home }: RuntimeContext,
): ProgramSource {
  return source.from === 'file' && cwd !== undefined ? { ...source, path: posix.resolve(home, source.path) } : source;
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
  { contexts }: ExecutorParts,
): Promise<Outcome> {
  const { runtime, context } = contexts.main;
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
  return (await execution.command(command, true)).exitCode;
}

async function planOutcome(execution: Execution, plan: Plan): Promise<Outcome> {
  const exitCode = await executePlan(execution, plan);
  if (plan.kind === 'nothing' && exitCode !== 0 && !execution.stopped) return { exitCode, reason: 'unable' };
  return execution.outcome(exitCode);
}

/** Carries a plan out; resolves with its status. The files that it names are removed whatever happens. */
async function executePlan(execution: Execution, plan: Plan): Promise<number> {
  if (plan.kind === 'nothing') {
    if (plan.message !== '') execution.say(plan.message);
    return plan.exitCode;
  }
  const removable = plan.steps.flatMap((step) => (step.do === 'remove-at-end' ? step.paths : []));
  try {
    for (const step of plan.steps) {
      const exitCode = await executeStep(execution, step);
      if (exitCode !== 0 || execution.stopped) return exitCode;
    }
    return 0;
  } finally {
    if (removable.length > 0) await remove(execution, removable);
  }
}

async function executeStep(execution: Execution, step: PlanStep): Promise<number> {
  switch (step.do) {
    case 'remove-at-end':
      return 0;
    case 'write':
      return writeFile(execution, step.path, step.content, step.executable === true);
    case 'run':
      return (await execution.command(step.command, step.main === true)).exitCode;
  }
}

/** Only a process of the tenant's may write in the home. */
async function writeFile(execution: Execution, path: string, content: string, executable: boolean): Promise<number> {
  const argv = [volumePaths.shell, '-c', writeScript, 'kernelet', path, executable ? 'x' : ''];
  const writer = execution.tenant.spawn({ argv }, ['pipe', 'ignore', 'pipe', 'pipe']);
  const input = writer.duplex(0);
  input?.on('error', () => {
    // The reason is in the status of the writer.
  });
  input?.end(content);
  execution.aim(writer);
  const { exitCode } = await writer.exited;
  execution.aim(null);
  if (exitCode !== 0) execution.say(`the file ${path} could not be written`);
  return exitCode === 0 ? 0 : internalFailure;
}

/** Also after a stop. A tenant that stops all its processes must not hold the end of the run. */
async function remove(execution: Execution, paths: readonly string[]): Promise<void> {
  const argv = [volumePaths.busybox, 'rm', '-rf', '--', ...paths];
  const remover = execution.tenant.spawn({ argv }, 'ignore');
  using _timer = execution.clock.after(removeTimeoutMs, () => void remover.signal('SIGKILL'));
  await remover.exited;
}
