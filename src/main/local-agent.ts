/**
 * Agents inside commands' own processes, spoken to like a daemon: what `kernelet run` uses when no daemon runs. Each has a
 * folder of its own below the state folder, locked while it lives. What a killed one left is removed by the next.
 */

import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { DefaultAgent } from '../agent/default-agent.ts';
import type { CliIo, LocalAgent, LocalAgentOptions } from '../cli/host.ts';
import { loadSettings } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { createApp } from '../http/app.ts';
import { hasCode, KerneletError } from '../lib/errors.ts';
import { acquireFolderLock } from '../lib/file-lock.ts';
import { removeTree } from '../lib/folders.ts';
import { newRunId } from '../lib/ids.ts';
import { version } from '../lib/installation.ts';
import { createLogger, type Logger } from '../lib/log.ts';
import { isSystemError, systemErrorText } from '../lib/system-error.ts';
import { openInstance } from './standalone.ts';

const clearDeadlineMs = 60_000;
/** New folders that another command may take for left-overs before this one gives up. */
const maxFolders = 5;

type InstanceOptions = Omit<Parameters<typeof openInstance>[0], 'folder'>;

/** Starts the agent, after removing what killed commands left. Throws ENGINE_UNAVAILABLE, STATE_UNUSABLE. */
export async function startLocalAgent(options: LocalAgentOptions, io: CliIo): Promise<LocalAgent> {
  const { settings } = await loadSettings({
    flags: { stateDir: options.stateDir },
    forceStandalone: true,
    environ: io.environ,
    workingDir: io.workingDirectory,
  });
  const log = createLogger(settings.logging.level === 'debug' ? 'debug' : 'error');
  await clearInstances({
    settings,
    open: (folder) => openInstance({ settings, folder, log, onProgress: () => {} }),
    log,
    signal: AbortSignal.timeout(clearDeadlineMs),
  });
  const onProgress = (text: string): void => void io.stderr.write(`${text} …\n`);
  const { agent, folder } = await openInNewFolder({ settings, log, onProgress });
  await using cleanups = new AsyncDisposableStack();
  cleanups.defer(async () => {
    await removeInstance(folder).catch((error: unknown) => {
      // The next command finds it and tries again.
      log.warn('the folder of this command could not be removed', { folder, error });
    });
  });
  cleanups.use(agent);
  await agent.start({ retry: false });
  const app = createApp({ agent, version, logger: log });
  const owned = cleanups.move();
  return {
    async fetch(request, signal) {
      return await app.fetch(request, { leaving: signal });
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Until the new folder is locked, another command may take it for a left-over. */
async function openInNewFolder(
  options: InstanceOptions,
): Promise<{ readonly agent: DefaultAgent; readonly folder: string }> {
  for (let tries = 1; ; tries += 1) {
    const folder = newInstanceFolder(options.settings);
    try {
      return { agent: await openInstance({ ...options, folder }), folder };
    } catch (error) {
      const isTaken = hasCode(error, 'STATE_LOCKED') || !existsSync(folder);
      await removeInstance(folder).catch(() => {});
      if (!isTaken || tries >= maxFolders) throw error;
    }
  }
}

/** Where folders of instances lie, and how an agent is opened in one. */
interface ClearOptions {
  readonly settings: Pick<Settings, 'stateDir'>;
  /** Opens the agent of an instance's folder. Throws STATE_LOCKED while its process lives. */
  readonly open: (folder: string) => Promise<DefaultAgent>;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const folderOf = (settings: Pick<Settings, 'stateDir'>): string => path.join(settings.stateDir, 'instances');

/** The path of a new instance's folder. */
const newInstanceFolder = (settings: Pick<Settings, 'stateDir'>): string =>
  path.join(folderOf(settings), newRunId().slice(0, 12));

/** Ends the kernels of every instance whose process is gone, and removes its folder. Stops early when the signal aborts. */
export async function clearInstances({ settings, open, log, signal }: ClearOptions): Promise<void> {
  const names = await readdir(folderOf(settings)).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return [];
    const text = `the state folder ${settings.stateDir} cannot be read (${systemErrorText(error)})`;
    throw new KerneletError('STATE_UNUSABLE', text, { cause: error, context: { path: settings.stateDir } });
  });
  for (const name of names) {
    if (signal.aborted) return;
    const folder = path.join(folderOf(settings), name);
    try {
      const agent = await open(folder);
      try {
        await startAnywhere(agent, signal);
        for (const { id } of await agent.list({ all: false })) await agent.destroy(id, { force: true });
      } finally {
        await agent[Symbol.asyncDispose]();
      }
      if (await removeInstance(folder)) log.info('removed what an ended command left', { instance: name });
    } catch (error) {
      // A locked folder is in use by a living command; another failure is tried again by the next one.
      if (!hasCode(error, 'STATE_LOCKED'))
        log.warn('what an ended command left could not be removed', { instance: name, error });
    }
  }
}

/** Nobody misses such kernels: where another engine answers, that one is accepted, since nobody could do it by hand. */
async function startAnywhere(agent: DefaultAgent, signal: AbortSignal): Promise<void> {
  try {
    await agent.start({ retry: false });
  } catch (error) {
    if (!hasCode(error, 'ENGINE_CHANGED')) throw error;
    await agent.acceptEngine(signal);
    await agent.start({ retry: false });
  }
}

/**
 * Removes an instance's folder that no agent uses any more; answers false, and leaves it, while a kernel is recorded in
 * it: the secret that proves whose container that is lies there too. Throws STATE_LOCKED when another process has taken
 * the folder over.
 */
export async function removeInstance(folder: string): Promise<boolean> {
  // Held over the removal, so that a process that has just made or found the folder cannot begin to use it meanwhile.
  await using _lock = await acquireFolderLock(folder, `the folder ${folder}`);
  const recorded = await readdir(path.join(folder, 'kernels')).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  });
  if (recorded.length > 0) return false;
  await removeTree(folder);
  return true;
}
