/** Work on images that managers ask for: pushes, pulls ahead of sessions, removals (spec rpc 8.17, 9.3). */
import type { Agent } from '../../agent/agent.ts';
import type { Engine, RegistryAuth } from '../../engine/engine.ts';
import type { Clock } from '../../lib/clock.ts';
import { hasCode, toKerneletError } from '../../lib/errors.ts';
import type { AgentEventFields } from '../wire/events/agent-event.ts';
import type { BackgroundTasks, TaskProgress } from './background-tasks.ts';

type PullEventName = 'image_pull_started' | 'image_pull_finished' | 'image_pull_failed';

/** Where images come from and go to, and who hears of it. */
export interface ImageTasksParts {
  readonly agentId: string;
  readonly agent: Pick<Agent, 'inspectImage' | 'pullImage' | 'removeImage'>;
  readonly engine: Pick<Engine, 'pushImage'>;
  readonly tasks: Pick<BackgroundTasks, 'begin'>;
  readonly publish: <Name extends PullEventName>(name: Name, fields: AgentEventFields[Name]) => void;
  /** As the cluster says; null: none but that for a registry that says nothing. */
  readonly limits: { readonly pullTimeoutMs: number | null; readonly pushTimeoutMs: number | null };
  readonly clock: Clock;
}

/** How a removal went; null: well. */
export interface Removal {
  readonly image: string;
  readonly error: string | null;
}

/** Nothing that hangs stays for ever. */
const maxMs = 24 * 3_600_000;
const removalMs = 120_000;
const steps = 100;

/** Pushes and pulls as background tasks, and removals. */
export class ImageTasks {
  readonly #parts: ImageTasksParts;
  /** Pulls under way by the image's name. */
  readonly #pulling = new Map<string, number>();

  constructor(parts: ImageTasksParts) {
    this.#parts = parts;
  }

  /** Begins to send an image to its registry; one that is local stays where it is. Gives the task's id. */
  push(image: string, options: { readonly local: boolean; readonly auth: RegistryAuth | null }): Promise<string> {
    const { engine, tasks, limits } = this.#parts;
    return tasks.begin(`the push of image ${image}`, async (progress, signal) => {
      if (options.local) return '';
      await engine.pushImage(
        image,
        { ...(options.auth ? { auth: options.auth } : {}), onProgress: reporter(progress) },
        within(limits.pushTimeoutMs, signal),
      );
      return '';
    });
  }

  /** Begins to fetch an image, if that is needed. Gives the task's id. */
  pull(named: NamedImage, auth: RegistryAuth | null): Promise<string> {
    return this.#parts.tasks.begin(`the pull of image ${named.image}`, async (progress, signal) => {
      const { image } = named;
      this.#pulling.set(image, (this.#pulling.get(image) ?? 0) + 1);
      try {
        return await this.#pull(named, auth, progress, signal);
      } catch (error) {
        const { message } = toKerneletError(error).toDocument();
        this.#parts.publish('image_pull_failed', { image, agent: this.#parts.agentId, message });
        throw error;
      } finally {
        const left = (this.#pulling.get(image) ?? 1) - 1;
        if (left > 0) this.#pulling.set(image, left);
        else this.#pulling.delete(image);
      }
    });
  }

  /** Whether an image of this name is being fetched ahead. */
  isPulling(image: string): boolean {
    return this.#pulling.has(image);
  }

  /** Removes images one by one; what cannot be removed says why and keeps no other. */
  async purge(
    images: readonly string[],
    options: { readonly force: boolean; readonly keepParents: boolean },
  ): Promise<readonly Removal[]> {
    const removals: Removal[] = [];
    for (const image of images) {
      const error = await this.#parts.agent.removeImage(image, options, AbortSignal.timeout(removalMs)).then(
        () => null,
        (thrown: unknown) => toKerneletError(thrown).toDocument().message,
      );
      removals.push({ image, error });
    }
    return removals;
  }

  async #pull(
    named: NamedImage,
    auth: RegistryAuth | null,
    progress: TaskProgress,
    signal: AbortSignal,
  ): Promise<string> {
    const { agent, publish, agentId, limits, clock } = this.#parts;
    const { image } = named;
    const either = within(limits.pullTimeoutMs, signal);
    const now = (): number => clock.now() / 1000;
    if (!(await needsPull(agent, named, either))) {
      const message = 'the image is here already';
      publish('image_pull_finished', { image, agent: agentId, at: now(), message });
      return message;
    }
    publish('image_pull_started', { image, agent: agentId, at: now() });
    await agent.pullImage(image, either, reporter(progress), auth ?? undefined);
    publish('image_pull_finished', { image, agent: agentId, at: now(), message: null });
    return '';
  }
}

function reporter(progress: TaskProgress) {
  return ({ message, fraction }: { readonly message: string; readonly fraction?: number | undefined }): void =>
    progress(Math.round((fraction ?? 0) * steps), steps, message);
}

function within(timeoutMs: number | null, signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(Math.min(timeoutMs ?? maxMs, maxMs))]);
}

/** An image as a manager names it. */
export interface NamedImage {
  readonly image: string;
  /** `digest`: pull when the image that is here has another id; `tag`: when none is here; `none`: never. */
  readonly pull: 'digest' | 'tag' | 'none';
  /** The id that it has in the registry. */
  readonly imageId: string;
}

/** Whether it must be pulled. Throws what the agent's `inspectImage` throws. */
export async function needsPull(
  agent: Pick<Agent, 'inspectImage'>,
  { image, pull, imageId }: NamedImage,
  signal: AbortSignal,
): Promise<boolean> {
  if (pull === 'none') return false;
  const here = await agent.inspectImage(image, signal).catch((error: unknown) => {
    if (hasCode(error, 'IMAGE_NOT_FOUND')) return null;
    throw error;
  });
  return here === null || (pull === 'digest' && here.id !== imageId);
}
