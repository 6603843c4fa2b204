/** A container engine of a test's own, beside the one that all tests use, started with arguments that the test chooses. */
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installPackages, isDebian, missingPackages } from '../../scripts/engine/packages.mjs';
import { type EnginePlace, layout, runningPid, startDaemon, stopDaemon } from '../../scripts/engine/private-engine.mjs';
import { loadEmptyImage, ownArchitecture } from './empty-image.ts';

/** The one image that such an engine has: nothing is in it, and shell programs run in it all the same. */
export const emptyImage = 'kernelet-test-empty:latest';

/** The engine. Disposing it stops it and removes its data. */
export class ExtraEngine implements AsyncDisposable {
  readonly #place: EnginePlace;
  readonly #arguments: readonly string[];

  private constructor(place: EnginePlace, more: readonly string[]) {
    this.#place = place;
    this.#arguments = more;
  }

  /** Starts one with these arguments of `dockerd`. */
  static async start(more: readonly string[]): Promise<ExtraEngine> {
    const engine = new ExtraEngine(layout(await mkdtemp(path.join(tmpdir(), 'kernelet-engine-'))), more);
    try {
      // Root of containers may be nobody here, and has to pass.
      await chmod(engine.#place.folder, 0o711);
      await mkdir(engine.#place.data, { mode: 0o711 });
      await startDaemon(engine.#place, more);
      await loadEmptyImage(emptyImage, ownArchitecture, engine.dockerHost);
      return engine;
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Ends it so, and starts it with what it had. */
  async restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.end(signal);
    await this.begin();
  }

  /** Ends it so. Its containers end too, now or when it begins, but where it has live-restore. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.signal(signal);
    for (const limit = performance.now() + 60_000; (await runningPid(this.#place)) !== undefined; await sleep(50)) {
      if (performance.now() > limit) throw new Error('the engine does not end');
    }
  }

  /** Starts it with what it had. */
  async begin(): Promise<void> {
    await startDaemon(this.#place, this.#arguments);
  }

  /** Starts it at its address without anything that it had, as when a disk is not mounted. */
  async beginEmpty(): Promise<void> {
    await startDaemon({ ...this.#place, data: `${this.#place.data}-empty` }, this.#arguments);
  }

  /** Sends its process a signal. Throws when it does not run. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    const pid = await runningPid(this.#place);
    if (pid === undefined) throw new Error('the engine does not run');
    process.kill(pid, signal);
  }

  get dockerHost(): string {
    return `unix://${this.#place.socket}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stopDaemon(this.#place);
    // One that maps users has made a folder beside that of its sockets.
    const run = path.dirname(this.#place.socket);
    const names = await readdir(path.dirname(run));
    for (const name of names.filter((one) => one.startsWith(`${path.basename(run)}.`)))
      await rm(path.join(path.dirname(run), name), { recursive: true, force: true });
    await rm(this.#place.folder, { recursive: true, force: true });
  }
}

/** Installs the Debian packages of which a program is missing. Throws where there is no way to: no test passes without. */
export async function ensurePrograms(
  ...programs: readonly (readonly [program: string, name: string])[]
): Promise<void> {
  const missing = await missingPackages(programs);
  if (missing.length === 0) return;
  if (!(await isDebian())) throw new Error(`${missing.join(', ')} cannot be installed: this is not Debian`);
  await installPackages(missing, () => {});
}
