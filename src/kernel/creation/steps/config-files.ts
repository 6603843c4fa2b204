/**
 * Writes what a container reads about itself: the runner's configuration with its secret (for root alone), and the
 * texts of `/home/config`. They belong to one container: a restart writes them anew.
 */
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { KerneletError } from '../../../lib/errors.ts';
import { systemErrorText } from '../../../lib/system-error.ts';
import { containerPaths } from '../../../protocol/image-contract.ts';
import type { RunnerConfig } from '../../../protocol/runner-config.ts';
import type { UsersOfContainers } from '../../../storage/container-users.ts';
import type { ScratchFolders, ScratchPaths } from '../../../storage/scratch.ts';
import { placeFile } from '../../../storage/scratch-files.ts';
import type { ContainerHardening } from '../../container/container-spec.ts';
import { writeNetworkFiles } from '../../container/network-files.ts';
import type { Ownership } from '../../container/ownership.ts';
import { environOf, environText, writeFirstResourceFiles } from '../../container/resource-files.ts';
import { placedPorts } from '../../container/service-ports.ts';
import { writeSshKeys } from '../../container/ssh-keys.ts';
import type { NetworkLeases } from '../../leases.ts';
import { encodeRecord, type KernelRecord } from '../../record.ts';
import { isOnHost } from '../../spec.ts';
import type { CreationStep } from '../step.ts';
import { proxyName } from './sockets.ts';

/** What the step works with. */
export interface ConfigFilesParts {
  readonly scratch: ScratchFolders;
  readonly users: UsersOfContainers;
  readonly ownership: Ownership;
  readonly runner: RunnerTuning;
  readonly prewarmedNetworks: Pick<NetworkLeases, 'networkFilesOf'>;
  readonly hardening: Pick<ContainerHardening, 'imageBootstrap'>;
}

/** What is the same for all runners of an agent. */
export type RunnerTuning = Pick<RunnerConfig, 'outputBufferBytes' | 'finishedRunKeepMs' | 'isTerminalLocal' | 'debug'>;

/** Names in the folder that the host and the runner share, of what the runner reads about itself and of its socket. */
export const configName = basename(containerPaths.config);
export const socketName = basename(containerPaths.socket);

/** The name of the copy of the record in the scratch folder, from which a lost journal can be restored. */
export const recordCopyName = 'record.json';

/** The runner's configuration of a record's container. */
export function runnerConfig(
  record: KernelRecord,
  { ownership, runner, hardening }: Pick<ConfigFilesParts, 'ownership' | 'runner' | 'hardening'>,
): RunnerConfig {
  const { spec, generation } = record;
  return {
    version: 1,
    kernelId: spec.id,
    generation,
    secret: ownership.runnerSecret(spec.id, generation),
    runtime: spec.runtime,
    user: { ...spec.user, name: 'work' },
    environ: environOf(record),
    // What the runner does not know it cannot start, its own SSH server and terminal among them.
    services: (spec.servicesBlocked ? [] : spec.services).map((service) => ({
      name: service.name,
      protocol: service.protocol,
      ports: placedPorts(service, record).inside,
    })),
    models: spec.models,
    interpreter: spec.interpreter,
    sudo: spec.sudo,
    imageBootstrap: hardening.imageBootstrap === 'root',
    links: spec.socketProxies.map((path, place) => [path, `${containerPaths.kernel}/${proxyName(place)}`]),
    taskLog: spec.mounts.some(({ target }) => target === `${containerPaths.home}/.logs`),
    ...runner,
  };
}

/**
 * Whatever is there goes, and what is written must be new: where the operator runs kernels as root (`kernel-uid = 0`)
 * the tenant of an earlier container could write here, and a link would be followed out of the folder.
 */
async function clear(scratch: ScratchFolders, { run }: ScratchPaths): Promise<void> {
  const names = [configName, socketName, 'image-script-problem'];
  await Promise.all(names.map((name) => scratch.removeInside(join(run, name))));
}

/** On the host's network programs in the kernel cannot know otherwise which ports are theirs (spec kernel-lifecycle 5.7). */
async function writePorts({ config }: ScratchPaths, record: KernelRecord): Promise<void> {
  const own = record.spec.services.filter(({ name }) => name === 'sshd' || name === 'ttyd');
  const ports = own.map((service) => [service.name, placedPorts(service, record).inside[0]] as const);
  await writeFile(join(config, 'intrinsic-ports.json'), JSON.stringify(Object.fromEntries(ports)), { mode: 0o644 });
}

async function writeAll(
  paths: ScratchPaths,
  record: KernelRecord,
  parts: ConfigFilesParts,
  signal: AbortSignal,
): Promise<void> {
  const who = await parts.users(signal);
  const forRoot = { mode: 0o600, owner: who.root, folderMode: 0o700 };
  await clear(parts.scratch, paths);
  await Promise.all([
    placeFile(paths.run, configName, JSON.stringify(runnerConfig(record, parts)), forRoot),
    writeFirstResourceFiles(record, parts.scratch),
    writeSshKeys(record.spec, paths, parts.ownership, who.onHost(record.spec.user)),
    writeFile(join(paths.config, 'environ.txt'), environText(environOf(record)), { mode: 0o644 }),
    writeNetworkFiles(record, paths, parts.prewarmedNetworks),
    ...(isOnHost(record.spec.network) ? [writePorts(paths, record)] : []),
    writeFile(join(paths.private, recordCopyName), encodeRecord(record), { mode: 0o600 }),
  ]);
}

/** Writes them anew for each container, so that a restart has what changed. Throws STATE_UNUSABLE. */
export function configFilesStep(parts: ConfigFilesParts): CreationStep {
  return {
    name: 'config-files',
    scope: 'generation',
    deadlineMs: 10_000,
    async apply(record, { signal }) {
      const paths = parts.scratch.paths(record.spec.id);
      try {
        await writeAll(paths, record, parts, signal);
      } catch (error) {
        if (error instanceof KerneletError) throw error;
        const code = systemErrorText(error);
        throw new KerneletError('STATE_UNUSABLE', `cannot write the kernel's files in ${paths.root} (${code})`, {
          cause: error,
          context: { path: paths.root },
        });
      }
      return {};
    },
    async revert(record) {
      await clear(parts.scratch, parts.scratch.paths(record.spec.id));
    },
  };
}
