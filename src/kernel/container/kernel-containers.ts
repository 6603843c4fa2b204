/** Makes and removes kernels' containers, and touches none that is not provably this agent's. */
import { addAbortListener } from 'node:events';
import type { ContainerDetail, ContainerSpec, Engine } from '../../engine/engine.ts';
import { systemClock } from '../../lib/clock.ts';
import { type Deadline, withDeadline } from '../../lib/deadline.ts';
import { hasCode, KerneletError } from '../../lib/errors.ts';
import type { ContainerId } from '../../lib/ids.ts';
import { containerPaths } from '../../protocol/image-contract.ts';
import type { UsersOfContainers } from '../../storage/container-users.ts';
import type { ForeignFiles } from '../../storage/file-systems/file-systems.ts';
import { checkUnmoved } from '../../storage/mounts/mount-policy.ts';
import { checkTargetLinks, checkVolumes } from '../../storage/mounts/mount-targets.ts';
import type { ScratchFolders } from '../../storage/scratch.ts';
import { placeEmptyFile, placeFolder } from '../../storage/scratch-files.ts';
import type { KernelHookList } from '../kernel-hooks.ts';
import type { EngineIdentityGuard } from '../reconciliation/engine-identity-guard.ts';
import type { KernelRecord } from '../record.ts';
import { hasSockets } from '../spec.ts';
import { type ContainerSettings, containerSpec } from './container-spec.ts';
import { type ImageRoot, type ImageRoots, readImageRoot } from './image-roots.ts';
import type { Ownership } from './ownership.ts';
import { hasUserFiles, writeUserFiles } from './user-files.ts';

/** Where containers are made, how, and who is told before one is removed. */
export interface KernelContainersParts {
  readonly engine: Engine;
  readonly ownership: Ownership;
  readonly engineGuard: Pick<EngineIdentityGuard, 'confirm'>;
  readonly scratch: ScratchFolders;
  readonly settings: ContainerSettings;
  readonly users: UsersOfContainers;
  readonly files: Pick<ForeignFiles, 'find'>;
  readonly imageRoots: Pick<ImageRoots, 'find' | 'keep'>;
  readonly hooks: Pick<KernelHookList, 'beforeRemoval'>;
}

/** How long the reply to a cancelled request is waited for. */
const lateReplyMs = 5_000;
/** How long an engine may take to have a paused container go on that is removed then. */
const resumeBeforeRemovalMs = 3_000;

/** The one place where containers of kernels are made, started and removed, each only when it is provably ours. */
export class KernelContainers {
  readonly engine: Engine;
  readonly #parts: KernelContainersParts;

  constructor(parts: KernelContainersParts) {
    this.engine = parts.engine;
    this.#parts = parts;
  }

  /**
   * Makes the record's container. One of ours that is in its way is a left-over of a crash and is removed. Throws
   * FORBIDDEN_VOLUME, and makes none, for a volume of the image that would hide what is the kernel's.
   */
  async make(record: KernelRecord, deadline: Deadline): Promise<ContainerId> {
    const { ownership, scratch, settings } = this.#parts;
    checkVolumes(record.spec.image.volumes, record.spec.mounts);
    const volume = await settings.volume.hostPath();
    const [overrides, views, commonDevices] = await Promise.all([
      settings.hardening.overrides?.(),
      settings.views?.(),
      settings.commonDevices?.(),
    ]);
    const paths = scratch.paths(record.spec.id);
    const parts = { paths, ownership, settings, volume, overrides, views, commonDevices };
    const imageRoot = record.spec.readOnlyRoot ? await this.#imageRootOf(record, parts, deadline) : null;
    if (imageRoot !== null && hasUserFiles(record.spec)) {
      await writeUserFiles(paths, imageRoot.users, (await this.#parts.users(deadline.signal)).root);
    }
    const spec = containerSpec(record, { ...parts, imageRoot });
    if (hasSockets(record.spec)) await this.#layPlaces(paths.sockets, spec);
    return await this.#createAlone(record, spec, deadline);
  }

  /** For what is mounted in the folder of sockets: it is read-only in the container, where no engine could make them. */
  async #layPlaces(folder: string, { mounts }: ContainerSpec): Promise<void> {
    for (const { target } of mounts) {
      if (!target.startsWith(`${containerPaths.kernel}/`)) continue;
      // The runner's folder, and files: a command, and the libraries of devices.
      const place = target === containerPaths.run ? placeFolder : placeEmptyFile;
      await place(folder, target.slice(containerPaths.kernel.length + 1), { mode: 0o755, owner: null });
    }
  }

  /**
   * What is known of the root file system of the record's image. Where that is nothing, a container is made to read it, by
   * the record's own name: after a crash it is taken for what it is.
   */
  async #imageRootOf(
    record: KernelRecord,
    parts: Omit<Parameters<typeof containerSpec>[1], 'imageRoot'>,
    deadline: Deadline,
  ): Promise<ImageRoot> {
    const { imageRoots, engine } = this.#parts;
    const image = record.spec.image.id;
    const known = await imageRoots.find(image);
    if (known !== null) return known;
    // Whatever is mounted, the operator's own too, would be seen in place of the image's.
    const spec = containerSpec(record, { ...parts, overrides: undefined, imageRoot: null });
    const bare = {
      ...spec,
      mounts: [],
      temporaryFilesystems: {},
      network: 'none',
      networkAliases: [],
      hosts: [],
      ports: [],
    };
    const container = await this.#createAlone(record, bare, deadline);
    const read = await readImageRoot(engine, container, deadline.signal);
    await engine.removeContainer(container, deadline.signal);
    await imageRoots.keep(image, read);
    return read;
  }

  /** Makes a container by the record's name. One of ours that has it is removed. */
  async #createAlone(record: KernelRecord, spec: ContainerSpec, deadline: Deadline): Promise<ContainerId> {
    try {
      return await this.#create(spec, deadline);
    } catch (error) {
      if (!hasCode(error, 'KERNEL_EXISTS')) throw error;
      if (!(await this.remove(record, deadline))) {
        throw new KerneletError('ENGINE_FAILED', `the name ${spec.name} is taken by a container that is not ours`, {
          cause: error,
          context: { container: spec.name },
        });
      }
      return await this.#create(spec, deadline);
    }
  }

  /**
   * Starts the record's container. Throws FORBIDDEN_MOUNT or FORBIDDEN_VOLUME, and starts nothing, when one leads elsewhere, and
   * FILE_SYSTEM_HUNG.
   */
  async start(record: KernelRecord, deadline: Deadline): Promise<void> {
    const { containerId, spec } = record;
    if (containerId === null) throw new KerneletError('INTERNAL', 'there is no container to start');
    const { mounts } = spec;
    const { volumes } = spec.image;
    const { hooks, mounts: ofDevices } = record.placement.provision;
    await checkUnmoved([...mounts, ...ofDevices, ...hooks.map((source) => ({ source }))], this.#parts.files);
    const home = this.#parts.scratch.paths(spec.id).work;
    await checkTargetLinks({ volumes, mounts }, home, (path) => this.engine.isLink(containerId, path, deadline.signal));
    await this.engine.startContainer(containerId, deadline.signal);
    for (const network of record.placement.provision.networks) {
      await this.engine.connectContainer(containerId, network, deadline.signal);
    }
  }

  /**
   * Removes the record's container, or an older one of its kernel, by its name, or by its id when it was renamed.
   * Answers whether there was one. A container that is not provably ours, or is of a newer generation, is left alone.
   * Throws ENGINE_CHANGED when there is none because the engine is
   * another.
   */
  async remove(record: KernelRecord, deadline: Deadline): Promise<boolean> {
    const found = await this.#find(record, deadline.signal);
    if (!found) {
      await this.#parts.engineGuard.confirm(deadline.signal);
      return false;
    }
    // Whoever ends it gently could wait for processes that stand still, and with version 1 of cgroups no signal reaches them.
    if (found.state === 'paused') await this.#resumeFirst(found.id, deadline.signal);
    if (record.phase === 'terminating') await this.#parts.hooks.beforeRemoval(record, found, deadline.signal);
    await this.#parts.engine.removeContainer(found.id, deadline.signal);
    return true;
  }

  /** Never rejects: an engine that does not have it go on may remove it all the same, and keeps time for that. */
  async #resumeFirst(id: ContainerId, signal: AbortSignal): Promise<void> {
    const options = { what: 'having the container go on', timeoutMs: resumeBeforeRemovalMs, signal };
    await withDeadline(options, (own) => this.#parts.engine.resumeContainer(id, own.signal)).catch(() => {});
  }

  /** Has the processes of the record's container stand still, or go on. Throws ENGINE_FAILED where there is no such container. */
  async setPaused(record: KernelRecord, isPaused: boolean, signal: AbortSignal): Promise<void> {
    const { engine, engineGuard } = this.#parts;
    const found = await this.#find(record, signal);
    if (found?.id === record.containerId) {
      // Engines refuse what is so already, each in its own words.
      if (found.state === (isPaused ? 'paused' : 'running')) return;
      await (isPaused ? engine.pauseContainer(found.id, signal) : engine.resumeContainer(found.id, signal));
      return;
    }
    await engineGuard.confirm(signal);
    const { id } = record.spec;
    throw new KerneletError('ENGINE_FAILED', `the engine has no container of kernel ${id}`, {
      context: { kernel: id },
    });
  }

  /** Removes a container of a kernel by id, if it is provably ours and no newer than `generation`. */
  async removeOrphan(id: ContainerId, generation: number, signal: AbortSignal): Promise<void> {
    const detail = await this.#parts.engine.inspectContainer(id, signal);
    const owned = detail && this.#parts.ownership.identify(detail, () => undefined);
    if (owned && owned.generation <= generation) await this.#parts.engine.removeContainer(id, signal);
  }

  /** The record's container as the engine has it now, or null. */
  inspect(record: KernelRecord, signal: AbortSignal): Promise<ContainerDetail | null> {
    return this.#find(record, signal);
  }

  /**
   * Asks for a container. An engine carries out what it was asked for also when the caller has hung up: a cancelled
   * request is kept for its reply, so that no container appears after its kernel's end.
   */
  async #create(spec: ContainerSpec, deadline: Deadline): Promise<ContainerId> {
    deadline.check();
    using cleanups = new DisposableStack();
    const hangUp = new AbortController();
    using _listener = addAbortListener(deadline.signal, () => {
      cleanups.use(systemClock.after(lateReplyMs, () => hangUp.abort(deadline.signal.reason)));
    });
    return await this.engine.createContainer(spec, hangUp.signal);
  }

  async #find(record: KernelRecord, signal: AbortSignal): Promise<ContainerDetail | null> {
    const { engine, ownership } = this.#parts;
    const [name, earlier] = ownership.containerNames(record.spec.id, record.spec.image.reference);
    for (const one of [name, record.containerId, earlier]) {
      const found = one === null ? null : await engine.inspectContainer(one, signal);
      const owned = found && ownership.identify(found, () => record);
      if (owned?.kernelId === record.spec.id && owned.generation <= record.generation) return found;
    }
    return null;
  }
}
