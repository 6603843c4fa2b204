import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runtimeTable } from '../protocol/runtimes.ts';
import { readImageContract } from './labels.ts';
import { findRecipe, recipeDigest, recipeNameOf, recipeNames, recipesFolder } from './recipes.ts';
import { parseImageReference } from './reference.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kernelet-recipes-'));
});
afterEach(async () => await rm(folder, { recursive: true }));

describe('the recipes of the repository', () => {
  it('are there for every runtime that names one', async () => {
    const names = await recipeNames(recipesFolder());
    expect(names).toEqual([
      ...['gcc', 'golang', 'haskell', 'java', 'nodejs', 'octave', 'python', 'python-science', 'r', 'rust', 'scripting'],
      ...['shell', 'typescript'],
    ]);
    expect(names).toEqual(expect.arrayContaining(runtimeTable.flatMap((info) => info.recipe ?? [])));
  });

  it('label their images with a contract that has no problems', async () => {
    for (const name of await recipeNames(recipesFolder())) {
      const recipe = await findRecipe(recipesFolder(), name);
      const text = await readFile(path.join(recipe.folder, 'Dockerfile'), 'utf8');
      const labels = Object.fromEntries(
        [...text.matchAll(/(ai\.backend\.[\w.-]+)="([^"]*)"/g)].map((found) => [found[1], found[2]]),
      );
      const contract = readImageContract(labels);
      expect({ name, problems: contract.problems }).toEqual({ name, problems: [] });
      expect(contract).toMatchObject({
        kernelspec: 1,
        role: 'COMPUTE',
        runtimePath: expect.stringMatching(/^\/(usr\/)?bin\//),
      });
      expect(runtimeTable.map(({ type }) => type)).toContain(contract.runtimeType);
      expect(text).toMatch(/^ARG BASE=debian:bookworm-slim\nFROM \$\{BASE\}$/m);
    }
  });
});

describe('findRecipe', () => {
  it('names the recipes there are', async () => {
    await expect(findRecipe(recipesFolder(), 'pyton')).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/did you mean "python".*gcc, golang, .*, python, python-science, r, rust/),
    });
    await expect(findRecipe(recipesFolder(), '../images/python')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });
});

describe('recipeNameOf', () => {
  it('knows the images that recipes make', () => {
    const texts = ['kernelet/python', 'kernelet/python:latest', 'kernelet/python:1', 'python', 'x.io/kernelet/python'];
    expect(texts.map((text) => recipeNameOf(parseImageReference(text)))).toEqual([
      'python',
      'python',
      null,
      null,
      null,
    ]);
  });
});

describe('recipeDigest', () => {
  it('changes with content and names of files only', async () => {
    await mkdir(path.join(folder, 'a', 'sub'), { recursive: true });
    await writeFile(path.join(folder, 'a', 'Dockerfile'), 'FROM x');
    const recipe = await findRecipe(folder, 'a');
    const first = await recipeDigest(recipe);
    expect(await recipeDigest(recipe)).toBe(first);
    await writeFile(path.join(folder, 'a', 'sub', 'f'), '');
    const second = await recipeDigest(recipe);
    await writeFile(path.join(folder, 'a', 'sub', 'f'), 'x');
    const third = await recipeDigest(recipe);
    expect(new Set([first, second, third]).size).toBe(3);
  });
});
