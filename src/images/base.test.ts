import { describe, expect, it } from 'vitest';
import { DummyEngine } from '../engine/dummy/dummy-engine.ts';
import { dummyImage } from '../engine/dummy/dummy-images.ts';
import { KerneletError } from '../lib/errors.ts';
import { type BaseSources, baseReference, debianReference, ensureBaseImage } from './base.ts';

const never = new AbortController().signal;
const quiet = (): void => {};
const refuse =
  (code: 'IMAGE_PULL_FAILED' | 'NOT_SUPPORTED' | 'IMAGE_BUILD_FAILED' | 'ENGINE_UNAVAILABLE', message: string) =>
  async (): Promise<never> => {
    throw new KerneletError(code, message);
  };

function sources(change: Partial<BaseSources>): BaseSources {
  const unexpected = async (): Promise<never> => {
    throw new Error('must not be tried');
  };
  return { pull: unexpected, make: unexpected, ...change };
}

describe('ensureBaseImage', () => {
  it('uses the base that is there', async () => {
    const engine = new DummyEngine({ images: [dummyImage(baseReference)] });
    expect(await ensureBaseImage(engine, quiet, never, sources({}))).toBe(baseReference);
    expect(engine.calls.map(({ method }) => method)).toEqual(['inspectImage']);
  });

  it('names a Debian that is there the base', async () => {
    const engine = new DummyEngine({ images: [dummyImage(debianReference)] });
    await ensureBaseImage(engine, quiet, never, sources({}));
    expect((await engine.inspectImage(baseReference, never)).references).toContain(debianReference);
  });

  it('pulls Debian', async () => {
    const engine = new DummyEngine();
    const pull = async (): Promise<void> => engine.addImage(dummyImage(debianReference));
    await ensureBaseImage(engine, quiet, never, sources({ pull }));
    await engine.inspectImage(baseReference, never);
  });

  it('makes it when Debian cannot be pulled, and says so', async () => {
    const engine = new DummyEngine();
    const lines: string[] = [];
    await ensureBaseImage(
      engine,
      ({ message }) => lines.push(message),
      never,
      sources({
        pull: refuse('IMAGE_PULL_FAILED', 'no registry'),
        make: async () => engine.addImage(dummyImage(baseReference)),
      }),
    );
    expect(lines).toEqual([
      'pulling debian:bookworm-slim, the base of the images',
      'debian:bookworm-slim cannot be pulled: making the base image from Debian packages',
    ]);
  });

  it('says what to do when it can be got in no way', async () => {
    const neither = sources({
      pull: refuse('IMAGE_PULL_FAILED', 'image debian could not be pulled: no such host\nmore'),
      make: refuse('NOT_SUPPORTED', 'making one needs root'),
    });
    await expect(ensureBaseImage(new DummyEngine(), quiet, never, neither)).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message:
        'there is no base image: image debian could not be pulled: no such host; making one needs root; ' +
        'or load any Debian 12 image and tag it kernelet/base:latest',
    });
  });

  it('does not take an engine that fails for a registry that does', async () => {
    const down = sources({ pull: refuse('ENGINE_UNAVAILABLE', 'down') });
    await expect(ensureBaseImage(new DummyEngine(), quiet, never, down)).rejects.toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
    });
  });

  it('stops with the caller', async () => {
    const caller = new AbortController();
    const pull = async (): Promise<never> => {
      caller.abort(new Error('enough'));
      throw new KerneletError('IMAGE_PULL_FAILED', 'aborted');
    };
    await expect(ensureBaseImage(new DummyEngine(), quiet, caller.signal, sources({ pull }))).rejects.toThrow('enough');
  });
});
