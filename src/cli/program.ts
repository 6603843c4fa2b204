/** The command line: reads arguments, runs one command, says what went wrong. */
import type { CliHost } from './host.ts';

/** Runs one command line (without the program's own name) and returns the exit status. Never rejects. */
export async function runCli(argv: readonly string[], host: CliHost): Promise<number> {
  await host.io.stderr.write(`kernelet: not there yet: ${argv.join(' ')}\n`);
  return 125;
}
