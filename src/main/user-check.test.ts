import { expect, it } from 'vitest';
import { DummyEngine } from '../engine/dummy/dummy-engine.ts';
import { checkUser } from './user-check.ts';

const seccomp = 'name=seccomp,profile=default';

const engineWith = (...securityOptions: readonly string[]) => new DummyEngine({ info: { securityOptions } });

it('lets root have kernels, and others where the engine is theirs', async () => {
  await checkUser(engineWith(seccomp), 0);
  await checkUser(engineWith(seccomp, 'name=rootless'), 1000);
});

it('refuses to run kernels for another user than root, and says what to do', async () => {
  await expect(checkUser(engineWith(seccomp), 1000)).rejects.toThrow(
    expect.objectContaining({ code: 'NOT_SUPPORTED', message: expect.stringMatching(/user 1000.*sudo/) }),
  );
});
