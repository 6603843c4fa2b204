/** Runs `bin/kernelet` for a test: bytes in, bytes out, status. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

/** How a command ended. `status` is 128 + n after signal n. */
export interface Outcome {
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly text: string;
}

export interface CommandOptions {
  readonly input?: string | Buffer;
  readonly environment?: Readonly<Record<string, string>>;
  readonly directory?: string;
}

export const program = path.resolve(import.meta.dirname, '..', '..', 'bin', 'kernelet');
/** The folder of runner volumes, for `KERNELET_VOLUME_DIR`: shared, so that not every file of tests builds one. */
export const sharedVolumes = path.resolve(import.meta.dirname, '..', '..', '.cache', 'test', 'volumes');

const signalNumbers: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGPIPE: 13, SIGTERM: 15 };

export function startKernelet(args: readonly string[], options: CommandOptions = {}): ChildProcess {
  return spawn(program, args, {
    cwd: options.directory,
    env: { ...process.env, ...options.environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
}

/** Waits for the end of a started program, collecting what it prints. */
export async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
  const [code, signal] = await once(child, 'close');
  const whole = Buffer.concat(stdout);
  return {
    status: typeof code === 'number' ? code : 128 + (signalNumbers[String(signal)] ?? 0),
    stdout: whole,
    stderr: Buffer.concat(stderr).toString(),
    text: whole.toString(),
  };
}

/** Runs the program to its end. */
export async function kernelet(args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  const child = startKernelet(args, options);
  child.stdin?.on('error', () => {});
  child.stdin?.end(options.input ?? '');
  return await outcomeOf(child);
}
