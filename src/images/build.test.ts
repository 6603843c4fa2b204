import { describe, expect, it } from 'vitest';
import { DummyEngine } from '../engine/dummy/dummy-engine.ts';
import { dummyImage } from '../engine/dummy/dummy-images.ts';
import { baseReference } from './base.ts';
import { describeBuildLine, RecipeBuilder } from './build.ts';
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
