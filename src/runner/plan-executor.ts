/** Carries out the plans of runtimes with the tenant's ids. */
import type { Execution } from './execution.ts';
import type { Plan, PlanStep } from './runtime.ts';
import { volumePaths } from './volume-paths.ts';

const writeScript = 'cat >"$1" && if [ -n "$2" ]; then chmod +x "$1"; fi';
const internalFailure = 126;
const removeTimeoutMs = 10_000;

/** Carries a plan out; resolves with its status. The files that it names are removed whatever happens. */
export async function executePlan(execution: Execution, plan: Plan): Promise<number> {
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
