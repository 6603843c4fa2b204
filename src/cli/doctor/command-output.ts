/** Asking a small program of the system. */
import { execFile } from 'node:child_process';

/** Its standard output, or null when it is missing, fails or takes too long. */
export function commandOutput(program: string, args: readonly string[], signal: AbortSignal): Promise<string | null> {
  const options = {
    signal,
    timeout: 5_000,
    env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' },
  };
  return new Promise((resolve) => {
    execFile(program, [...args], options, (error, stdout) => resolve(error ? null : stdout));
  });
}
