/**
 * Tries an OCI runtime: boots what a kernel is made of, without a tenant, and asks its runner. Runtimes with a kernel of their
 * own (gVisor) may start every container and yet keep the runner's socket to themselves. The folder of a trial is made before
 * all else of it and removed last, so that what is left of one can be found.
 */
import { createHash, randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerSpec, Engine } from '../../engine/engine.ts';
import { type Deadline, withDeadline } from '../../lib/deadline.ts';
import { hasCode, KerneletError, toKerneletError } from '../../lib/errors.ts';
import { removeTree } from '../../lib/folders.ts';
import { newKernelId } from '../../lib/ids.ts';
import type { Logger } from '../../lib/log.ts';
import { packFiles } from '../../lib/tar.ts';
import { containerPaths } from '../../protocol/image-contract.ts';
import type { RunnerConfig } from '../../protocol/runner-config.ts';
import type { RunnerConnector } from '../../runner-client/runner-client.ts';
import type { UsersOfContainers } from '../../storage/container-users.ts';
import type { Owner } from '../../storage/scratch.ts';
import { placeFile } from '../../storage/scratch-files.ts';
import { configName, type RunnerTuning, socketName } from '../creation/steps/config-files.ts';
import { awaitRunner } from '../creation/steps/ready.ts';
import type { ContainerSettings } from './container-spec.ts';
import type { Ownership } from './ownership.ts';

/** What a trial is made with. */
export interface OciRuntimeProbeParts {
  readonly engine: Engine;
  readonly users: UsersOfContainers;
  readonly ownership: Pick<Ownership, 'proof'>;
  /** 8 hex digits of the state folder. */
  readonly tag: string;
  /** Where its folder is made. */
  readonly folder: string;
  readonly container: Pick<ContainerSettings, 'volume' | 'hardening' | 'init' | 'logLimitBytes'>;
  readonly runner: RunnerTuning;
  readonly connectRunner: RunnerConnector;
  /** How long the runner may take. */
  readonly readyTimeoutMs: number;
  readonly log: Logger;
}

/** No label of a kernel's container, so that it is never taken for one. */
const proofLabel = 'ai.kernelet.runtime-probe-proof';
const nobody = { uid: 65_534, gid: 65_534 };
const memoryBytes = 256 * 2 ** 20;
/** As kernels have them by default: threads of a runtime's own kernel count too, and gVisor's dies of 64. */
const processes = 512;
/** What is done beside the wait for the runner. */
const engineMs = 30_000;
const undoMs = 30_000;
/** What stands for a runtime in names: digits of a hash, since its name may hold anything. */
const short = (runtime: string): string => createHash('sha256').update(runtime).digest('hex').slice(0, 12);
const shortForm = /^[0-9a-f]{12}$/;

/** One trial: what it makes, by names that the next one of the same runtime finds again. */
interface Trial {
  readonly name: string;
  readonly image: string;
  readonly folder: string;
  readonly secret: string;
}

/**
 * Resolves when a kernel's runner has answered under this runtime. Throws NOT_SUPPORTED, which says why none does, and
 * ENGINE_UNAVAILABLE. What cannot be removed afterwards says nothing of the runtime, and is left to `removeLeftTrials`.
 */
export async function probeOciRuntime(
  runtime: string,
  parts: OciRuntimeProbeParts,
  signal: AbortSignal,
): Promise<void> {
  const { engine, readyTimeoutMs } = parts;
  try {
    const { runtimes } = await engine.info(signal);
    if (!runtimes.includes(runtime)) {
      const known = runtimes.join(', ') || 'none';
      throw new KerneletError(
        'NOT_SUPPORTED',
        `the engine knows ${known}; register it under "runtimes" in daemon.json`,
      );
    }
    const options = { what: 'a kernel that was to boot', timeoutMs: readyTimeoutMs + engineMs, signal };
    await withDeadline(options, (deadline) => boot(runtime, parts, deadline));
  } catch (thrown) {
    signal.throwIfAborted();
    if (hasCode(thrown, 'ENGINE_UNAVAILABLE')) throw thrown;
    const why = toKerneletError(thrown).message;
    const text = `no kernel runs under the OCI runtime ${runtime}: ${why}`;
    throw new KerneletError('NOT_SUPPORTED', text, { cause: thrown, context: { runtime } });
  }
}

async function boot(runtime: string, parts: OciRuntimeProbeParts, deadline: Deadline): Promise<void> {
  const { engine, connectRunner, readyTimeoutMs, log } = parts;
  const trial = trialOf(short(runtime), parts);
  await remove(trial, parts, deadline.signal);
  try {
    await layFiles(trial, parts, (await parts.users(deadline.signal)).root);
    // Nothing of it is run, and a runner needs nothing of it.
    await engine.importImage(packFiles([{ name: 'empty', content: '' }]), trial.image, deadline.signal);
    const id = await engine.createContainer(await probeSpec(runtime, trial, parts), deadline.signal);
    await engine.startContainer(id, deadline.signal);
    const socketPath = join(trial.folder, 'run', socketName);
    await using client = connectRunner({ socketPath, secret: trial.secret });
    await awaitRunner(client, { engine, container: id, timeoutMs: readyTimeoutMs, deadline });
    await client.request('ping', null, { signal: deadline.signal });
  } finally {
    await remove(trial, parts, AbortSignal.timeout(undoMs)).catch((error: unknown) => {
      log.warn('what a trial of an OCI runtime has made could not be removed yet', { runtime, error });
    });
  }
}

function trialOf(digits: string, { tag, folder }: OciRuntimeProbeParts): Trial {
  return {
    name: `kernelet-runtime.${tag}.${digits}`,
    image: `kernelet-runtime:${tag}-${digits}`,
    folder: join(folder, digits),
    secret: randomBytes(32).toString('hex'),
  };
}

/**
 * Removes what is left of trials, of runtimes that nobody names any more too: those of a killed daemon, and those that could not
 * be removed. Asks the engine for nothing where none is. Throws what the engine throws.
 */
export async function removeLeftTrials(parts: OciRuntimeProbeParts, signal: AbortSignal): Promise<void> {
  const found = await readdir(parts.folder).catch(() => []);
  for (const digits of found.filter((name) => shortForm.test(name)))
    await remove(trialOf(digits, parts), parts, signal);
}

/** Removes all of a trial, its folder last; a container of its name that is not provably ours is nobody's business here. */
async function remove(
  { name, image, folder }: Trial,
  { engine, ownership }: OciRuntimeProbeParts,
  signal: AbortSignal,
): Promise<void> {
  const found = await engine.inspectContainer(name, signal);
  if (found?.labels[proofLabel] === ownership.proof(name)) await engine.removeContainer(found.id, signal);
  await engine.removeImage(image, { force: true }, signal);
  await removeTree(folder);
}

async function layFiles(
  { folder, secret }: Trial,
  { runner }: OciRuntimeProbeParts,
  owner: Owner | null,
): Promise<void> {
  const config: RunnerConfig = {
    version: 1,
    kernelId: newKernelId(),
    generation: 1,
    secret,
    runtime: { type: 'shell', path: null },
    user: { ...nobody, name: 'work' },
    environ: [],
    services: [],
    models: [],
    interpreter: 'lazy',
    sudo: false,
    imageBootstrap: false,
    taskLog: false,
    links: [],
    ...runner,
  };
  await mkdir(join(folder, 'run'), { recursive: true, mode: 0o700 });
  await chmod(folder, 0o711);
  const run = join(folder, 'run');
  await placeFile(run, configName, JSON.stringify(config), { mode: 0o600, owner, folderMode: 0o700 });
  if (owner) await chown(run, owner.uid, owner.gid);
}

async function probeSpec(runtime: string, trial: Trial, parts: OciRuntimeProbeParts): Promise<ContainerSpec> {
  const { volume, hardening, init, logLimitBytes } = parts.container;
  return {
    name: trial.name,
    image: trial.image,
    hostname: 'probe',
    entrypoint: volume.entrypoint,
    command: [],
    environ: [],
    workingDirectory: '/',
    labels: { [proofLabel]: parts.ownership.proof(trial.name) },
    mounts: [
      { source: await volume.hostPath(), target: containerPaths.volume, readOnly: true },
      { source: join(trial.folder, 'run'), target: containerPaths.run, readOnly: false },
    ],
    temporaryFilesystems: { [containerPaths.home]: 'rw,size=1m' },
    limits: { cpus: 1, memoryBytes, processes },
    network: 'none',
    networkAliases: [],
    ports: [],
    capabilities: hardening.capabilities,
    noNewPrivileges: hardening.noNewPrivileges,
    securityOptions: hardening.securityOptions,
    logLimitBytes,
    init,
    runtime,
  };
}
