import { describe, expect, it } from 'vitest';
import { DummyEngine, type DummyEngineOptions } from '../engine/dummy/dummy-engine.ts';
import { dummyImage } from '../engine/dummy/dummy-images.ts';
import { baseReference, RecipeBuilder } from './build.ts';
import { recipesFolder } from './recipes.ts';
import { type ImageRequest, ImageResolver } from './resolve.ts';

const never = new AbortController().signal;
const noProgress = (): void => {};

function planned(options: DummyEngineOptions = {}) {
  const images = [dummyImage(baseReference), ...(options.images ?? [])];
  const info = { architecture: 'x86_64', ...options.info };
  const engine = new DummyEngine({ ...options, images, info });
  const resolver = new ImageResolver(engine, new RecipeBuilder(engine), recipesFolder());
  const find = (request: Partial<ImageRequest>, signal = never) =>
    resolver.find({ reference: undefined, language: undefined, pull: 'missing', ...request }, noProgress, signal);
  const did = (method: string) => engine.calls.filter((call) => call.method === method).map(({ subject }) => subject);
  return { engine, find, did };
}

const amd64 = (reference: string, labels: Record<string, string> = {}) =>
  dummyImage(reference, { architecture: 'amd64', labels });
const python = { 'ai.backend.runtime-type': 'python', 'ai.backend.runtime-path': '/usr/bin/python3' };

describe('finding an image by name', () => {
  it('uses what is here without asking a registry', async () => {
    const { find, did } = planned({ images: [amd64('debian:bookworm')] });
    const found = await find({ reference: 'debian:bookworm' });
    expect(found).toMatchObject({ reference: 'debian:bookworm', runtime: { type: 'shell', path: null }, warnings: [] });
    expect(did('pullImage')).toEqual([]);
  });

  it('pulls what is missing, once for all who ask', async () => {
    const { find, did } = planned({ onPull: async (reference) => amd64(reference, python) });
    const found = await Promise.all([find({ reference: 'x.io/py' }), find({ reference: 'x.io/py:latest' })]);
    expect(found.map(({ runtime }) => runtime)).toEqual(Array(2).fill({ type: 'python', path: '/usr/bin/python3' }));
    expect(did('pullImage')).toEqual(['x.io/py:latest']);
  });

  it('pulls what is here when it must', async () => {
    const { find, did } = planned({ images: [amd64('x.io/py')], onPull: (reference) => amd64(reference, python) });
    expect((await find({ reference: 'x.io/py', pull: 'always' })).runtime.type).toBe('python');
    expect(did('pullImage')).toEqual(['x.io/py:latest']);
  });

  it('does not pull when it must not', async () => {
    const { find, did } = planned();
    await expect(find({ reference: 'x.io/py', pull: 'never' })).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      message: expect.stringContaining('x.io/py:latest'),
    });
    expect(did('pullImage')).toEqual([]);
  });

  it('names the image that could not be pulled', async () => {
    const { find } = planned();
    await expect(find({ reference: 'no/such' })).rejects.toMatchObject({
      code: 'IMAGE_PULL_FAILED',
      message: expect.stringContaining('no/such:latest'),
    });
  });

  it('takes ids of images that are here', async () => {
    const image = amd64('debian:bookworm');
    const { find, did } = planned({ images: [image] });
    expect((await find({ reference: image.id, pull: 'always' })).image.id).toBe(image.id);
    const missing = `sha256:${'0'.repeat(64)}`;
    await expect(find({ reference: missing })).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    expect(did('pullImage')).toEqual([]);
  });

  it('refuses another architecture and names both', async () => {
    const { find } = planned({ images: [dummyImage('x.io/arm', { architecture: 'arm64' })] });
    await expect(find({ reference: 'x.io/arm' })).rejects.toMatchObject({
      code: 'IMAGE_UNUSABLE',
      message: 'image x.io/arm:latest is for linux/arm64: this machine runs linux/amd64',
    });
    const other = planned({ images: [dummyImage('x.io/w', { os: 'windows', architecture: 'amd64' })] });
    await expect(other.find({ reference: 'x.io/w' })).rejects.toThrow('windows/amd64');
  });

  it('accepts the architecture of an arm64 machine, and an image that names none', async () => {
    const images = [dummyImage('x.io/arm', { architecture: 'arm64' }), dummyImage('x.io/any', { architecture: '' })];
    const { find } = planned({ images, info: { architecture: 'aarch64' } });
    await find({ reference: 'x.io/arm' });
    await find({ reference: 'x.io/any' });
  });

  it('warns of labels that it ignores', async () => {
    const { find } = planned({ images: [amd64('x.io/y', { 'ai.backend.runtime-type': 'fortran' })] });
    const found = await find({ reference: 'x.io/y' });
    expect(found.runtime).toEqual({ type: 'app', path: null });
    expect(found.warnings).toEqual(['label ai.backend.runtime-type "fortran" is not a known runtime: app is used']);
  });

  it('never pulls a name that a recipe makes, but builds it', async () => {
    const { find, did } = planned({ onPull: (reference) => amd64(reference) });
    await find({ reference: 'kernelet/python', pull: 'always' });
    await find({ reference: 'kernelet/python', pull: 'always' });
    expect(did('pullImage')).toEqual([]);
    expect(did('buildImage')).toEqual(['kernelet/python:latest']);
  });
});

describe('finding an image by language', () => {
  it('builds the image once when it is missing', async () => {
    const { find, did, engine } = planned();
    const found = await Promise.all([find({ language: 'py' }), find({ language: 'Python' })]);
    expect(found.map(({ reference }) => reference)).toEqual(['kernelet/python:latest', 'kernelet/python:latest']);
    expect(found[0]?.runtime.type).toBe('python');
    await find({ language: 'python3' });
    expect(did('buildImage')).toEqual(['kernelet/python:latest']);
    const { labels } = await engine.inspectImage('kernelet/python:latest', never);
    expect(labels).toMatchObject({
      'ai.kernelet.recipe': 'python',
      'ai.kernelet.recipe-digest': expect.stringMatching(/^[0-9a-f]{16}$/),
    });
  });

  it('says how to build the image when it must not build it', async () => {
    await expect(planned().find({ language: 'c', pull: 'never' })).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      message: expect.stringContaining('kernelet image build gcc'),
    });
  });

  it('takes the runtime of the language over that of the label, whose path is then ignored', async () => {
    const labels = { 'ai.backend.runtime-type': 'c', 'ai.backend.runtime-path': '/usr/bin/gcc' };
    const { find } = planned({ images: [amd64('kernelet/gcc', labels)] });
    expect((await find({ language: 'c' })).runtime).toEqual({ type: 'c', path: '/usr/bin/gcc' });
    expect((await find({ language: 'c++' })).runtime).toEqual({ type: 'cpp', path: null });
    expect((await find({ reference: 'kernelet/gcc', language: 'shell' })).runtime.type).toBe('shell');
  });

  it.each([
    [{ language: 'pyhton' }, 'INVALID_ARGUMENT', 'did you mean "python"'],
    [{ language: 'julia' }, 'NOT_SUPPORTED', 'no recipe here makes an image with Julia: name one with --image'],
    [{}, 'INVALID_ARGUMENT', '--image or --lang'],
    [{ reference: '' }, 'INVALID_ARGUMENT', 'empty'],
    [{ reference: 'A B' }, 'INVALID_ARGUMENT', 'not a part'],
  ])('refuses %j', async (request, code, part) => {
    const { find, did } = planned();
    await expect(find(request)).rejects.toMatchObject({ code, message: expect.stringContaining(part) });
    expect(did('pullImage').concat(did('buildImage'))).toEqual([]);
  });

  it('rejects with the reason of the caller when it aborts', async () => {
    const { find, engine } = planned();
    engine.fail('buildImage', { kind: 'hang' });
    const caller = new AbortController();
    const outcome = expect(find({ language: 'python' }, caller.signal)).rejects.toThrow('enough');
    setTimeout(() => caller.abort(new Error('enough')), 20);
    await outcome;
  });
});
