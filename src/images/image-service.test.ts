import { describe, expect, it } from 'vitest';
import { DummyEngine } from '../engine/dummy/dummy-engine.ts';
import { dummyImage } from '../engine/dummy/dummy-images.ts';
import { baseReference } from './build.ts';
import { ImageService } from './image-service.ts';

const never = new AbortController().signal;
const noProgress = (): void => {};

function planned(...images: ReturnType<typeof dummyImage>[]) {
  const engine = new DummyEngine({ images: [dummyImage(baseReference), ...images] });
  return { engine, images: new ImageService(engine) };
}

describe('ImageService', () => {
  it('lists images by name with what is wrong with their labels', async () => {
    const { images } = planned(
      dummyImage('z', { references: ['z:2', 'a:1'], labels: { 'ai.backend.runtime-type': 'python' } }),
      dummyImage('m', { labels: { 'ai.backend.role': 'x' } }),
      dummyImage('dangling', { references: [] }),
    );
    const views = await images.list(never);
    expect(
      views.map(({ reference, runtime, labelled, problems }) => [reference, runtime, labelled, problems.length]),
    ).toEqual([
      ['a:1', 'python', true, 0],
      ['kernelet/base:latest', 'shell', false, 0],
      ['m:latest', 'app', true, 1],
      ['z:2', 'python', true, 0],
    ]);
  });

  it('inspects an image by name or id', async () => {
    const image = dummyImage('debian:bookworm');
    const { images } = planned(image);
    expect(await images.inspect('docker.io/library/debian:bookworm', never)).toMatchObject({
      reference: 'debian:bookworm',
    });
    expect(await images.inspect(image.id, never)).toMatchObject({ reference: image.id, id: image.id });
    await expect(images.inspect('debian', never)).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      message: 'image debian:latest is not on this machine',
    });
  });

  it('builds recipes by either name, and reports an image of an older recipe', async () => {
    const { images, engine } = planned();
    expect(await images.build('kernelet/shell:latest', noProgress, never)).toMatchObject({
      reference: 'kernelet/shell:latest',
      problems: [],
    });
    const { labels } = await engine.inspectImage('kernelet/shell:latest', never);
    engine.addImage(dummyImage('kernelet/shell', { labels: { ...labels, 'ai.kernelet.recipe-digest': '0' } }));
    expect((await images.inspect('kernelet/shell', never)).problems).toEqual([
      { label: 'ai.kernelet.recipe-digest', problem: expect.stringContaining('kernelet image build shell') },
    ]);
    expect((await images.build('shell', noProgress, never)).problems).toEqual([]);
    await expect(images.build('shel', noProgress, never)).rejects.toThrow('did you mean "shell"');
  });

  it('refuses to pull an image that a recipe makes', async () => {
    await expect(planned().images.pull('kernelet/python', noProgress, never)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it('removes one name, and fails for an image that is not here', async () => {
    const { images, engine } = planned(dummyImage('z', { references: ['z:2', 'a:1'] }));
    await images.remove('a:1', { force: false }, never);
    expect((await engine.inspectImage('z:2', never)).references).toEqual(['z:2']);
    await expect(images.remove('a:1', { force: false }, never)).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });
});
