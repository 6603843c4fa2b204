import { describe, expect, it } from 'vitest';
import { DummyEngine } from '../engine/dummy/dummy-engine.ts';
import { dummyImage } from '../engine/dummy/dummy-images.ts';
import { KerneletError } from '../lib/errors.ts';
import {
  type BaseSources,
  baseReference,
  debianReference,
  describeBuildLine,
  ensureBaseImage,
  RecipeBuilder,
} from './build.ts';
import { findRecipe, recipesFolder } from './recipes.ts';

describe('describeBuildLine', () => {
  it.each([
    [' ---> 45d1f07f6181', null],
    ['Removing intermediate container 31dc155052c8', null],
    ['  ', null],
    ['Step 3/7 : LABEL a="1"       b="2"', 'Step 3/7 : LABEL a="1" b="2"'],
    ['x'.repeat(500), `${'x'.repeat(119)}…`],
  ])('of %j is %j', (line, shown) => {
    expect(describeBuildLine(line)).toBe(shown);
  });
});

describe('RecipeBuilder', () => {
  it('builds one recipe once at a time, different ones side by side', async () => {
    const engine = new DummyEngine({ images: [dummyImage(baseReference)] });
    const builder = new RecipeBuilder(engine);
    const [shell, gcc] = await Promise.all(['shell', 'gcc'].map((name) => findRecipe(recipesFolder(), name)));
    if (!shell || !gcc) throw new Error('no recipes');
    const seen: string[] = [];
    const never = new AbortController().signal;
    const build = (recipe: typeof shell) => builder.build(recipe, ({ message }) => seen.push(message), never);
    const images = await Promise.all([build(shell), build(gcc), build(shell)]);
    expect(images.map(({ references }) => references[0])).toEqual([
      'kernelet/shell:latest',
      'kernelet/gcc:latest',
      'kernelet/shell:latest',
    ]);
    const builds = engine.calls.filter(({ method }) => method === 'buildImage');
    expect(builds.map(({ subject }) => subject).sort()).toEqual(['kernelet/gcc:latest', 'kernelet/shell:latest']);
    expect(seen.filter((line) => line === 'building kernelet/shell:latest')).toHaveLength(2);
    await build(shell);
    expect(engine.calls.filter(({ method }) => method === 'buildImage')).toHaveLength(3);
  });
});

const never = new AbortController().signal;
const noProgress = (): void => {};
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
    expect(await ensureBaseImage(engine, noProgress, never, sources({}))).toBe(baseReference);
    expect(engine.calls.map(({ method }) => method)).toEqual(['inspectImage']);
  });

  it('tags a Debian that is there as the base', async () => {
    const engine = new DummyEngine({ images: [dummyImage(debianReference)] });
    await ensureBaseImage(engine, noProgress, never, sources({}));
    expect((await engine.inspectImage(baseReference, never)).references).toContain(debianReference);
  });

  it('pulls Debian where there is neither', async () => {
    const engine = new DummyEngine();
    const pull = async (): Promise<void> => engine.addImage(dummyImage(debianReference));
    await ensureBaseImage(engine, noProgress, never, sources({ pull }));
    await engine.inspectImage(baseReference, never);
  });

  it('makes the base from packages when Debian cannot be pulled, and reports it as progress', async () => {
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

  it('throws NOT_SUPPORTED with a cure when there is no way to a base', async () => {
    const neither = sources({
      pull: refuse('IMAGE_PULL_FAILED', 'image debian could not be pulled: no such host\nmore'),
      make: refuse('NOT_SUPPORTED', 'making one needs root'),
    });
    await expect(ensureBaseImage(new DummyEngine(), noProgress, never, neither)).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message:
        'there is no base image: image debian could not be pulled: no such host; making one needs root; ' +
        'or load any Debian 12 image and tag it kernelet/base:latest',
    });
  });

  it('does not take an engine that fails for a registry that does', async () => {
    const down = sources({ pull: refuse('ENGINE_UNAVAILABLE', 'down') });
    await expect(ensureBaseImage(new DummyEngine(), noProgress, never, down)).rejects.toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
    });
  });

  it('rejects with the reason of the caller when it aborts', async () => {
    const caller = new AbortController();
    const pull = async (): Promise<never> => {
      caller.abort(new Error('enough'));
      throw new KerneletError('IMAGE_PULL_FAILED', 'aborted');
    };
    await expect(ensureBaseImage(new DummyEngine(), noProgress, caller.signal, sources({ pull }))).rejects.toThrow(
      'enough',
    );
  });
});
