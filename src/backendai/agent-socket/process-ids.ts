/**
 * What a process of a container is called in there and on this host. Whoever asks learns of the processes of one container
 * alone: of any other number it is told that there is none, whether it is on this host or not.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../../engine/engine.ts';
import type { ContainerId } from '../../lib/ids.ts';

/** The answer for a process that the container does not have. */
const none = -1;

/** Looks them up, each time anew. */
export class ProcessIds {
  readonly #engine: Pick<Engine, 'listProcesses'>;
  readonly #processRoot: string;

  /** `processRoot`: where the engine's processes are seen. */
  constructor(engine: Pick<Engine, 'listProcesses'>, processRoot = '/proc') {
    this.#engine = engine;
    this.#processRoot = processRoot;
  }

  /** The number in the container of one of its processes, -1 for any other. Throws what the engine throws. */
  async inContainer(container: ContainerId, onHost: number, signal: AbortSignal): Promise<number> {
    const own = await this.#engine.listProcesses(container, signal);
    return own.includes(onHost) ? await this.#innermost(onHost) : none;
  }

  /** The number on the host of a process of the container, -1 when it has none. Throws what the engine throws, the signal's reason. */
  async onHost(container: ContainerId, inContainer: number, signal: AbortSignal): Promise<number> {
    for (const pid of await this.#engine.listProcesses(container, signal)) {
      // Of thousands each is a file to read.
      signal.throwIfAborted();
      if ((await this.#innermost(pid)) === inContainer) return pid;
    }
    return none;
  }

  /** The last of its numbers, of which each namespace that it is in gives one. */
  async #innermost(pid: number): Promise<number> {
    const status = await readFile(join(this.#processRoot, String(pid), 'status'), 'utf8').catch(() => '');
    const [, last] = /^NSpid:.*?(\d+)$/m.exec(status) ?? [];
    return last === undefined ? none : Number(last);
  }
}
