/**
 * The two scripts that run before a kernel is ready (spec kernel-runner 4 and 5.1): the image's, as root, whose
 * exported variables the tenant inherits; and the user's own in the home, as the tenant. Where the runner shall have fewer
 * capabilities than the image's script, a process of its own runs that before (spec kernel-runner 4), and leaves what the
 * runner needs to know in files.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { type Clock, systemClock } from '../lib/clock.ts';
import { isSystemError } from '../lib/system-error.ts';
import { containerPaths } from '../protocol/image-contract.ts';
import { imageScript, userScriptTimeoutMs } from '../protocol/runner-config.ts';
import { parseEnvironment, parseRunnerConfig } from './config.ts';
import type { ContainerLog } from './container-log.ts';
import { rootEnvironment } from './environment.ts';
import { imageShell } from './runtime.ts';
import type { RunningCommand, Tenant } from './tenant.ts';
import { exitCodeOf } from './tenant-process.ts';
import { volumePaths } from './volume-paths.ts';

const imageScriptTimeoutMs = 60_000;
const maxEnvironmentBytes = 1024 * 1024;

/** Sources the image's script as root, if it is there and executable; returns the environment that it left. */
export async function runImageBootstrap(
  container: ReadonlyMap<string, string>,
  ids: { readonly uid: number; readonly gid: number },
  parts: {
    /** Where it prints: a log that never makes it wait, or where this process does, also after this process's end. */
    readonly output: ContainerLog | 'inherit';
    readonly clock: Clock;
    problem(text: string): void;
  },
): Promise<ReadonlyMap<string, string>> {
  if (!isExecutable(imageScript)) return container;
  const environ = {
    ...rootEnvironment(container),
    LOCAL_USER_ID: String(ids.uid),
    LOCAL_GROUP_ID: String(ids.gid),
  };
  // What the script leaves in the background must not hold the descriptor.
  const script = `{ . ${imageScript}; } 3>&-\nexec ${volumePaths.busybox} env -0 >&3 3>&-`;
  const { output } = parts;
  const stream = output === 'inherit' ? 'inherit' : 'pipe';
  const child = spawn(imageShell(), ['-c', script], {
    env: environ,
    cwd: '/',
    stdio: ['ignore', stream, stream, 'pipe'],
    detached: true,
  });
  for (const readable of [child.stdout, child.stderr]) {
    readable?.on('data', (bytes: Buffer) => output !== 'inherit' && output.copy(bytes));
  }
  const environment = collect(child.stdio[3] as Readable);
  using _timer = parts.clock.after(imageScriptTimeoutMs, () => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  });
  const exitCode = await new Promise<number>((resolve) => {
    child.once('error', () => resolve(126));
    child.once('exit', (code, signal) => resolve(exitCodeOf(code, signal)));
  });
  if (exitCode !== 0) {
    parts.problem(`${imageScript} of the image ended with status ${exitCode}`);
    return container;
  }
  const left = parseEnvironment(await environment);
  if (left.size === 0) {
    parts.problem(`${imageScript} of the image ended its shell: what it exported is lost`);
    return container;
  }
  // Variables that were kept from the script are the tenant's all the same.
  const withheld = [...container].filter(([name]) => !Object.hasOwn(environ, name));
  return new Map([...withheld, ...left]);
}

/** What the status says where the image's script may not run; empty when it has none. */
export function withheldImageBootstrap(): string {
  if (!isExecutable(imageScript)) return '';
  return `${imageScript} of the image was not run: the operator of the node does not let it (kernelet.image-bootstrap)`;
}

/** Runs the user's script as the tenant, if there is one. */
export async function runUserBootstrap(tenant: Tenant, clock: Clock, problem: (text: string) => void): Promise<void> {
  const path = `${tenant.home}/bootstrap.sh`;
  // The tenant looks for it, since the runner may not be able to.
  const script = '[ -f "$1" ] || exit 0; exec "$2" "$1"';
  const running = await logged(tenant, [volumePaths.shell, '-c', script, 'kernelet', path, imageShell()]);
  using _timer = clock.after(userScriptTimeoutMs, () => void running.signal('SIGKILL'));
  await endOf(running, path, tenant, problem);
}

/** Starts a program of the image with the tenant's ids, and lets it run beside everything else. */
export async function startBeside(tenant: Tenant, path: string, problem: (text: string) => void): Promise<void> {
  void endOf(await logged(tenant, [path]), path, tenant, problem);
}

const logged = (tenant: Tenant, argv: readonly string[]): Promise<RunningCommand> => {
  tenant.taskLog?.open();
  const toLog = (bytes: Uint8Array): boolean => {
    tenant.taskLog?.copy(bytes);
    tenant.log.copy(bytes);
    return true;
  };
  return tenant.run({ argv }, { stdin: null, stdout: toLog, stderr: toLog });
};

async function endOf(
  running: RunningCommand,
  path: string,
  tenant: Tenant,
  problem: (text: string) => void,
): Promise<void> {
  const { exitCode, notStarted } = await running.exited;
  running.stdout.drain();
  running.stderr.drain();
  tenant.adopt(running);
  if (exitCode !== 0) problem(`${path} ended with status ${exitCode}${notStarted === null ? '' : ` (${notStarted})`}`);
}

async function collect(stream: Readable): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of stream) {
    const bytes: Buffer = piece;
    size += bytes.length;
    if (size <= maxEnvironmentBytes) pieces.push(bytes);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const environPath = `${containerPaths.run}/environ`;
const problemPath = `${containerPaths.run}/image-script-problem`;
const secretMode = 0o600;

/**
 * The whole task of the process before the runner: runs the image's script, and writes down its environment and what went
 * wrong. Throws when `runner.json` cannot be used.
 */
export async function runImageScript(): Promise<void> {
  const { user } = parseRunnerConfig(readFileSync(containerPaths.config, 'utf8'));
  // The entry's own would keep what the script makes from everybody else.
  process.umask(0o022);
  const problems: string[] = [];
  const problem = (text: string): void => void problems.push(text);
  const left = await runImageBootstrap(readContainerEnvironment(), user, {
    output: 'inherit',
    clock: systemClock,
    problem,
  });
  writeFileSync(environPath, [...left].map(([name, value]) => `${name}=${value}\0`).join(''), { mode: secretMode });
  if (problems.length > 0) writeFileSync(problemPath, problems.join('; '), { mode: secretMode });
}

/** The environment of the container, as the entry or the script left it. */
export function readContainerEnvironment(): ReadonlyMap<string, string> {
  return parseEnvironment(readIfPresent(environPath));
}

/** What went wrong with the script; empty when nothing did. */
export function imageScriptProblem(): string {
  return readIfPresent(problemPath);
}

function readIfPresent(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return '';
    throw error;
  }
}
