/** Mode `command`: a command of the image, its standard input streamed. */
import type { Execution, Outcome } from '../execution.ts';

/** Runs it. */
export async function runCommand(execution: Execution, argv: readonly string[]): Promise<Outcome> {
  await execution.openInput();
  const { exitCode, notStarted } = await execution.command({ argv }, true);
  if (notStarted !== null && exitCode === 127 && !execution.stopped) return { exitCode, reason: 'unable' };
  return execution.outcome(exitCode);
}
