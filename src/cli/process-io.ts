/** The real process as a CliIo. */
import { homedir } from 'node:os';
import { isatty } from 'node:tty';
import { FdOutput } from './fd-output.ts';
import type { CliIo } from './host.ts';
import { StdinInput } from './stdin-input.ts';

/** Streams, signals and environment of this process. */
export function createProcessIo(): CliIo {
  return {
    stdin: new StdinInput(() => process.stdin, isatty(0)),
    stdout: new FdOutput(1),
    stderr: new FdOutput(2),
    environ: process.env,
    workingDirectory: process.cwd(),
    userId: process.getuid?.() ?? 0,
    homeDirectory: homedir(),
    onSignal(signal, listener) {
      process.on(signal, listener);
      return { [Symbol.dispose]: () => void process.off(signal, listener) };
    },
    dieBySignal(signal) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
      // The signal is delivered to this thread before kill returns; SIGKILL is for a signal that is ignored.
      process.kill(process.pid, 'SIGKILL');
      throw new Error('unreachable');
    },
  };
}
