import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { DummyEngine } from '../engine/dummy/dummy-engine.ts';
import { dummyImage } from '../engine/dummy/dummy-images.ts';
import { pullImage } from './pull.ts';
import { parseImageReference } from './reference.ts';

const reference = parseImageReference('registry.test/tools:1');
const never = new AbortController().signal;

describe('pullImage', () => {
  it('returns the image as the engine has it afterwards', async () => {
    const engine = new DummyEngine({ onPull: (name) => dummyImage(name) });
    expect((await pullImage(engine, reference, {}, never)).references).toEqual(['registry.test/tools:1']);
  });

  it('gives up a silent registry and names image and registry', async () => {
    const clock = new FakeClock();
    const engine = new DummyEngine({ clock });
    engine.fail('pullImage', { kind: 'hang' });
    const pulling = pullImage(engine, reference, { clock }, never);
    const outcome = expect(pulling).rejects.toMatchObject({
      code: 'IMAGE_PULL_FAILED',
      message:
        'image registry.test/tools:1 could not be pulled: nothing was heard of its registry registry.test for 12 s',
      context: { image: 'registry.test/tools:1', registry: 'registry.test' },
    });
    await clock.advance(12_000);
    await outcome;
    expect(clock.pending).toBe(0);
  });

  it('rejects with the reason of the caller when it aborts', async () => {
    const clock = new FakeClock();
    const engine = new DummyEngine({ clock });
    engine.fail('pullImage', { kind: 'hang' });
    const caller = new AbortController();
    const outcome = expect(pullImage(engine, reference, { clock }, caller.signal)).rejects.toThrow('enough');
    caller.abort(new Error('enough'));
    await outcome;
    expect(clock.pending).toBe(0);
  });

  it('fails with IMAGE_PULL_FAILED where the engine refuses', async () => {
    const engine = new DummyEngine();
    await expect(pullImage(engine, reference, {}, never)).rejects.toMatchObject({ code: 'IMAGE_PULL_FAILED' });
  });
});
