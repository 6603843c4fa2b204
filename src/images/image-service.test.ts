import { describe, expect, it } from 'vitest';
import { DummyEngine } from '../engine/dummy/dummy-engine.ts';
import { dummyImage } from '../engine/dummy/dummy-images.ts';
import { baseReference } from './base.ts';
import { EngineImageService } from './image-service.ts';

const never = new AbortController().signal;
const quiet = (): void => {};

function planned(...images: ReturnType<typeof dummyImage>[]) {
  const engine = new DummyEngine({ images: [dummyImage(baseReference), ...images] });
  return { engine, shelf: new EngineImageService(engine) };
}

describe('EngineImageService', () => {
  it('lists images by name with what is wrong with their labels', async () => {
    const { shelf } = planned(
      dummyImage('z', { references: ['z:2', 'a:1'], labels: { 'ai.backend.runtime-type': 'python' } }),
      dummyImage('m', { labels: { 'ai.backend.role': 'x' } }),
      dummyImage('dangling', { references: [] }),
    );
    const views = await shelf.list(never);
    expect(
      views.map(({ reference, runtime, labelled, problems }) => [reference, runtime, labelled, problems.length]),
    ).toEqual([
      ['a:1', 'python', true, 0],
      ['kernelet/base:latest', 'shell', false, 0],
      ['m:latest', 'app', true, 1],
      ['z:2', 'python', true, 0],
    ]);
  });

  it('shows one by name or id', async () => {
    const image = dummyImage('debian:bookworm');
    const { shelf } = planned(image);
    expect(await shelf.inspect('docker.io/library/debian:bookworm', never)).toMatchObject({
      reference: 'debian:bookworm',
    });
    expect(await shelf.inspect(image.id, never)).toMatchObject({ reference: image.id, id: image.id });
    await expect(shelf.inspect('debian', never)).rejects.toMatchObject({
      code: 'IMAGE_NOT_FOUND',
      message: 'image debian:latest is not on this machine',
    });
  });

  it('builds recipes by either name, and says when an image is of an older one', async () => {
    const { shelf, engine } = planned();
    expect(await shelf.build('kernelet/shell:latest', quiet, never)).toMatchObject({
      reference: 'kernelet/shell:latest',
      problems: [],
    });
    const { labels } = await engine.inspectImage('kernelet/shell:latest', never);
    engine.addImage(dummyImage('kernelet/shell', { labels: { ...labels, 'ai.kernelet.recipe-digest': '0' } }));
    expect((await shelf.inspect('kernelet/shell', never)).problems).toEqual([
      { label: 'ai.kernelet.recipe-digest', problem: expect.stringContaining('kernelet image build shell') },
    ]);
    expect((await shelf.build('shell', quiet, never)).problems).toEqual([]);
    await expect(shelf.build('shel', quiet, never)).rejects.toThrow('did you mean "shell"');
  });

  it('does not pull what it makes', async () => {
    await expect(planned().shelf.pull('kernelet/python', quiet, never)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  it('removes one name, and fails for an image that is not here', async () => {
    const { shelf, engine } = planned(dummyImage('z', { references: ['z:2', 'a:1'] }));
    await shelf.remove('a:1', { force: false }, never);
    expect((await engine.inspectImage('z:2', never)).references).toEqual(['z:2']);
    await expect(shelf.remove('a:1', { force: false }, never)).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });
});
