import { expect, it } from 'vitest';
import { checkUser } from './user-check.ts';

const seccomp = 'name=seccomp,profile=default';

it('lets root have kernels, and others where the engine is theirs', () => {
  expect(() => checkUser(0, { securityOptions: [seccomp] })).not.toThrow();
  expect(() => checkUser(1000, { securityOptions: [seccomp, 'name=rootless'] })).not.toThrow();
});

it('tells others what to do', () => {
  expect(() => checkUser(1000, { securityOptions: [seccomp] })).toThrow(
    expect.objectContaining({ code: 'NOT_SUPPORTED', message: expect.stringMatching(/user 1000.*sudo/) }),
  );
});
