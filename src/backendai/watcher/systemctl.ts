/** Calls of `systemctl`, for the unit of the agent and that of the container engine. */
import { KerneletError } from '../../lib/errors.ts';
import type { ProgramResult } from '../../lib/run-program.ts';
import type { RunAsRoot } from './run-as-root.ts';

/** This machine has no systemd to ask. */
export class NoServiceManager extends Error {
  override readonly name = 'NoServiceManager';
}

export class Systemctl {
  readonly #run: RunAsRoot;

  constructor(run: RunAsRoot) {
    this.#run = run;
  }

  /** Does something to a unit. Throws SERVICE_FAILED with what `systemctl` says, DEADLINE_EXCEEDED, NoServiceManager. */
  async act(verb: 'start' | 'stop' | 'restart' | 'reload', unit: string, timeoutMs: number): Promise<void> {
    const what = `systemctl ${verb} ${unit}`;
    const begun = performance.now();
    const { exitCode, stderr } = await this.#call([verb, '--', unit], timeoutMs);
    if (exitCode === 0) return;
    if (exitCode < 0 && performance.now() - begun >= timeoutMs) {
      const text = `${what} has not ended within ${Math.round(timeoutMs / 1000)} s; systemd goes on with it`;
      throw new KerneletError('DEADLINE_EXCEEDED', text);
    }
    throw new KerneletError('SERVICE_FAILED', `${what}: ${stderr || `it ended with status ${exitCode}`}`);
  }

  /** Properties of a unit, by name. Throws as `act`. */
  async show(unit: string, names: readonly string[], timeoutMs: number): Promise<ReadonlyMap<string, string>> {
    const args = ['show', `--property=${names.join(',')}`, '--', unit];
    const { exitCode, stdout, stderr } = await this.#call(args, timeoutMs);
    if (exitCode !== 0) throw new KerneletError('SERVICE_FAILED', `systemctl show ${unit}: ${stderr}`);
    const properties = stdout.split('\n').map((line) => [line.split('=', 1)[0] ?? '', line] as const);
    return new Map(properties.map(([name, line]) => [name, line.slice(name.length + 1)]));
  }

  async #call(args: readonly string[], timeoutMs: number): Promise<ProgramResult> {
    const result = await this.#run('systemctl', args, timeoutMs);
    if (result.exitCode < 0 && /\bENOENT\b/.test(result.stderr)) throw new NoServiceManager(result.stderr);
    return result;
  }
}
