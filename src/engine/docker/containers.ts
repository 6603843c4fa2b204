/** Containers over the Docker API. */
import type { Clock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import { asContainerId, type ContainerId } from '../../lib/ids.ts';
import { Backoff } from '../../lib/retry.ts';
import { firstFile } from '../../lib/tar.ts';
import type {
  CommitOptions,
  ContainerDetail,
  ContainerSpec,
  ContainerSummary,
  EngineFigures,
  WantedLabels,
} from '../engine.ts';
import { type Confinement, containerBody } from './container-body.ts';
import { readContainerDetail, readContainerFigures, readContainerSummary, readIsLink } from './container-replies.ts';
import { abortFailure, engineWords, imageNotFound, portInConflict, statusOf } from './failure.ts';
import { labelFilter, pathSegment, shortId, splitReference } from './names.ts';
import { fields, list, number, text, texts } from './replies.ts';
import type { EngineRequest } from './transport.ts';
import type { VersionedTransport } from './versioned-transport.ts';

/** The container part of an engine. */
export class DockerContainers {
  readonly #transport: VersionedTransport;
  readonly #clock: Clock;

  constructor(transport: VersionedTransport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
  }

  async create(spec: ContainerSpec, confinement: Confinement, signal: AbortSignal): Promise<ContainerId> {
    const request: EngineRequest = {
      method: 'POST',
      path: '/containers/create',
      query: { name: spec.name },
      what: `create container ${spec.name}`,
      json: containerBody(spec, confinement),
    };
    try {
      const { value } = await this.#transport.json(request, signal);
      const id = text(fields(value), 'Id');
      if (id !== '') return asContainerId(id);
    } catch (thrown) {
      const status = statusOf(thrown);
      if (status === 404) throw imageNotFound(spec.image);
      if (status !== 409) throw thrown;
      throw new KerneletError('KERNEL_EXISTS', `a container named ${spec.name} exists already`, {
        context: { container: spec.name },
        cause: thrown,
      });
    }
    throw new KerneletError('ENGINE_FAILED', `the engine gave no id for container ${spec.name}`);
  }

  /** The engine finishes one that it has begun, also for a caller who has hung up. */
  async commit(id: ContainerId, options: CommitOptions, signal: AbortSignal): Promise<string> {
    const { reference, labels, command } = options;
    const name = reference === null ? null : splitReference(reference);
    const request: EngineRequest = {
      method: 'POST',
      path: '/commit',
      query: { container: id, repo: name?.repository, tag: name?.tag, pause: '1' },
      what: `commit container ${shortId(id)}`,
      unbounded: true,
      // What is left out is the container's own; a list that is there replaces the container's.
      json: { Labels: labels, Entrypoint: [], Cmd: command },
    };
    const { value } = await this.#transport.json(request, signal);
    const image = text(fields(value), 'Id');
    if (image !== '') return image;
    throw new KerneletError('ENGINE_FAILED', `the engine gave no id for the image of container ${shortId(id)}`);
  }

  async start(id: ContainerId, signal: AbortSignal): Promise<void> {
    const request: EngineRequest = {
      method: 'POST',
      path: `/containers/${pathSegment(id)}/start`,
      what: `start container ${shortId(id)}`,
      idempotent: true,
      accept: [304],
    };
    try {
      await this.#transport.json(request, signal);
    } catch (thrown) {
      const port = portInConflict(engineWords(thrown));
      if (port === undefined || !(thrown instanceof KerneletError)) throw thrown;
      throw new KerneletError(
        'ENGINE_FAILED',
        `container ${shortId(id)} could not start: host port ${port} is taken by another program`,
        { context: { ...thrown.context, port }, cause: thrown },
      );
    }
  }

  /**
   * The engine also takes the beginning of an id for a name. An answer about another object than the one that was
   * named counts as none.
   */
  async inspect(idOrName: string, signal: AbortSignal): Promise<ContainerDetail | null> {
    const value = await this.inspectRaw(idOrName, signal);
    if (value === null) return null;
    const detail = readContainerDetail(value);
    return detail.id === idOrName || detail.name === idOrName ? detail : null;
  }

  /** The engine's own reply; null when there is no such container. */
  async inspectRaw(idOrName: string, signal: AbortSignal): Promise<unknown> {
    const request: EngineRequest = {
      method: 'GET',
      path: `/containers/${pathSegment(idOrName)}/json`,
      what: `inspect container ${shortId(idOrName)}`,
      accept: [404],
    };
    const { status, value } = await this.#transport.json(request, signal);
    return status === 404 ? null : value;
  }

  /** Throws ENGINE_FAILED when the engine does not say. */
  async isLink(id: ContainerId, path: string, signal: AbortSignal): Promise<boolean> {
    const request: EngineRequest = {
      method: 'HEAD',
      path: `/containers/${pathSegment(id)}/archive`,
      query: { path },
      what: `look at ${path} in container ${shortId(id)}`,
      accept: [404],
    };
    const { status, headers, body } = await this.#transport.stream(request, signal);
    body.destroy();
    if (status === 404) return false;
    const isLink = readIsLink(headers['x-docker-container-path-stat']);
    if (isLink !== undefined) return isLink;
    throw new KerneletError('ENGINE_FAILED', `the engine does not describe ${path} in container ${shortId(id)}`);
  }

  async readFile(
    id: ContainerId,
    path: string,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array | 'absent' | 'no-file'> {
    const request: EngineRequest = {
      method: 'GET',
      path: `/containers/${pathSegment(id)}/archive`,
      query: { path },
      what: `read ${path} in container ${shortId(id)}`,
      accept: [404],
    };
    const reply = await this.#transport.stream(request, signal);
    if (reply.status === 404) {
      reply.body.destroy();
      return 'absent';
    }
    return (await firstFile(this.#transport.chunks(reply, request, signal), maxBytes)) ?? 'no-file';
  }

  async list(labels: WantedLabels, signal: AbortSignal): Promise<readonly ContainerSummary[]> {
    const request: EngineRequest = {
      method: 'GET',
      path: '/containers/json',
      query: { all: '1', filters: labelFilter(labels) },
      what: 'list the containers',
    };
    return list((await this.#transport.json(request, signal)).value).map(readContainerSummary);
  }

  async kill(id: ContainerId, killSignal: string, signal: AbortSignal): Promise<void> {
    const request: EngineRequest = {
      method: 'POST',
      path: `/containers/${pathSegment(id)}/kill`,
      query: { signal: killSignal },
      what: `send ${killSignal} to container ${shortId(id)}`,
      idempotent: killSignal === 'SIGKILL',
      accept: [404, 409],
    };
    try {
      await this.#transport.json(request, signal);
    } catch (thrown) {
      // Engines before 17 and Podman answer 500 for a container that has ended.
      if (!/is not running/.test(engineWords(thrown))) throw thrown;
    }
  }

  pause(id: ContainerId, signal: AbortSignal): Promise<void> {
    return this.#setPaused(id, 'pause', /already paused/, signal);
  }

  resume(id: ContainerId, signal: AbortSignal): Promise<void> {
    return this.#setPaused(id, 'unpause', /is not paused/, signal);
  }

  async #setPaused(id: ContainerId, verb: 'pause' | 'unpause', isSo: RegExp, signal: AbortSignal): Promise<void> {
    const path = `/containers/${pathSegment(id)}/${verb}`;
    try {
      await this.#transport.json({ method: 'POST', path, what: `${verb} container ${shortId(id)}` }, signal);
    } catch (thrown) {
      if (!isSo.test(engineWords(thrown))) throw thrown;
    }
  }

  async wait(id: ContainerId, signal: AbortSignal): Promise<number> {
    const request: EngineRequest = {
      method: 'POST',
      path: `/containers/${pathSegment(id)}/wait`,
      query: { condition: 'not-running' },
      what: `wait for container ${shortId(id)}`,
      unbounded: true,
    };
    return number(fields((await this.#transport.json(request, signal)).value), 'StatusCode');
  }

  async remove(id: ContainerId, signal: AbortSignal): Promise<void> {
    const request: EngineRequest = {
      method: 'DELETE',
      path: `/containers/${pathSegment(id)}`,
      query: { force: '1', v: '1' },
      what: `remove container ${shortId(id)}`,
      idempotent: true,
      accept: [404],
    };
    try {
      await this.#transport.json(request, signal);
    } catch (thrown) {
      if (statusOf(thrown) !== 409 || !/already in progress/.test(engineWords(thrown))) throw thrown;
      await this.#untilGone(id, signal);
    }
  }

  /** Host pids of the container's processes. The engine runs the host's `ps` for this. */
  async processes(id: ContainerId, signal: AbortSignal): Promise<readonly number[]> {
    const request: EngineRequest = {
      method: 'GET',
      path: `/containers/${pathSegment(id)}/top`,
      query: { ps_args: '-eo pid' },
      what: `list the processes of container ${shortId(id)}`,
    };
    const reply = fields((await this.#transport.json(request, signal)).value);
    const column = Math.max(0, texts(reply, 'Titles').indexOf('PID'));
    return list(reply['Processes'])
      .map((row) => Number(list(row)[column]))
      .filter((pid) => Number.isInteger(pid) && pid > 0);
  }

  /** The engine's own measurement; it takes about a second. */
  async figures(id: ContainerId, signal: AbortSignal): Promise<EngineFigures | null> {
    const request: EngineRequest = {
      method: 'GET',
      path: `/containers/${pathSegment(id)}/stats`,
      query: { stream: 'false', 'one-shot': 'true' },
      what: `measure container ${shortId(id)}`,
      accept: [404],
    };
    const { status, value } = await this.#transport.json(request, signal);
    return status === 404 ? null : readContainerFigures(value);
  }

  async #untilGone(id: ContainerId, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff({ initialMs: 20, maximumMs: 500, clock: this.#clock });
    while ((await this.inspectRaw(id, signal)) !== null) {
      await backoff.wait(signal).catch((): never => {
        throw abortFailure(signal, `remove container ${shortId(id)}`);
      });
    }
  }
}
