import { describe, expect, it } from 'vitest';
import { parseEnvironment, parseRunnerConfig } from './config.ts';

const whole = {
  version: 1,
  kernelId: '0f0e0d0c-0b0a-4908-8706-050403020100',
  generation: 2,
  secret: 'a'.repeat(64),
  runtime: { type: 'python', path: null },
  user: { uid: 1000, gid: 1000, name: 'work' },
  environ: [
    ['A', 'two\nlines'],
    ['odd.name', ''],
  ],
  services: [{ name: 'web', protocol: 'http', ports: [8080, 8081] }],
  models: [
    {
      ...{ name: 'm', path: '/models', port: 8000, command: ['serve', '{ports[0]}'], preStart: '[]' },
      healthCheck: { path: '/health', maxRetries: 3, maxWaitMs: 500, expectedStatus: 200 },
    },
  ],
  interpreter: 'lazy',
  outputBufferBytes: 4096,
  finishedRunKeepMs: 60_000,
  sudo: true,
  imageBootstrap: true,
  isTerminalLocal: true,
  taskLog: true,
  links: [['/run/some.sock', '/opt/kernel/proxy-0.sock']],
  debug: false,
};

describe('runner.json', () => {
  it('is read as it was written', () => {
    expect(parseRunnerConfig(JSON.stringify(whole))).toEqual(whole);
  });

  it.each([
    [{ version: 2 }, /version .* 1/],
    [{ kernelId: '../x' }, /id/],
    [{ generation: -1 }, /generation/],
    [{ secret: 'short' }, /secret .* 64 hex digits/],
    [{ runtime: null }, /runtime .* object/],
    [{ runtime: { type: 'python', path: 5 } }, /path .* text/],
    [{ user: { ...whole.user, uid: 1.5 } }, /uid/],
    [{ user: { ...whole.user, name: 'a:b' } }, /name .* user/],
    [{ environ: {} }, /environ/],
    [{ environ: [['A']] }, /environ/],
    [{ environ: [['A=B', 'x']] }, /environ/],
    [{ environ: [['A', 'x\0y']] }, /environ/],
    [{ services: null }, /services .* list/],
    [{ services: [{ name: 'web', protocol: 'http', ports: [] }] }, /services/],
    [{ models: [{ ...whole.models[0], command: [] }] }, /models/],
    [{ models: [{ ...whole.models[0], healthCheck: {} }] }, /models/],
    [{ interpreter: 'soon' }, /interpreter .* one of eager, lazy/],
    [{ outputBufferBytes: 0 }, /outputBufferBytes .* at least 4096/],
  ])('with %j is refused by the name of the key', (change, message) => {
    expect(() => parseRunnerConfig(JSON.stringify({ ...whole, ...change }))).toThrow(message);
  });

  it('that is no JSON is refused', () => {
    expect(() => parseRunnerConfig('{')).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }));
  });
});

it('an environment as the system gives it keeps newlines and equals signs', () => {
  expect([...parseEnvironment('A=two\nlines\0B=x=y\0C=\0odd\0=x\0')]).toEqual([
    ['A', 'two\nlines'],
    ['B', 'x=y'],
    ['C', ''],
  ]);
});
