import { describe, expect, it } from 'vitest';
import { FrameError } from './frame.ts';
import { kernelModel, maxModels, modelHealths } from './kernel-models.ts';

const healthCheck = { path: '/health', maxRetries: 3, maxWaitMs: 3_600_000, expectedStatus: 200 };
const model = { name: 'm', path: '/models/m', port: 8000, command: ['serve', '{port}'], preStart: '[]', healthCheck };

describe('a model of a kernel', () => {
  it('is read field by field', () => {
    expect(kernelModel({ ...model, more: 1 })).toEqual(model);
    expect(kernelModel({ ...model, healthCheck: null })).toEqual({ ...model, healthCheck: null });
  });

  it.each<readonly [object, string]>([
    [{ command: [] }, 'command is empty'],
    [{ command: 'serve' }, 'command is not a list'],
    [{ command: Array(1025).fill('x') }, 'command has more than 1024 items'],
    [{ command: ['serve\0'] }, 'command contains a NUL'],
    [{ command: [1] }, 'command is not a text'],
    [{ preStart: 'x'.repeat(65_537) }, 'preStart is longer than 65536 characters'],
    [{ healthCheck: { ...healthCheck, path: null } }, 'path is not a text'],
    [{ healthCheck: { ...healthCheck, expectedStatus: 1000 } }, 'expectedStatus is not from 100 to 999'],
    [{ name: null }, 'name is not a text'],
    [{ path: 'a\0' }, 'path contains a NUL'],
    [{ path: 'x'.repeat(65_537) }, 'path is longer than 65536 characters'],
    [{ port: 0 }, 'port is not from 1 to 65535'],
    [{ port: 65_536 }, 'port is not from 1 to 65535'],
    [{ preStart: [] }, 'preStart is not a text'],
    [{ healthCheck: undefined }, 'healthCheck is not an object'],
    [{ healthCheck: { ...healthCheck, path: '\0' } }, 'path contains a NUL'],
    [{ healthCheck: { ...healthCheck, maxRetries: -1 } }, 'maxRetries is not from 0'],
    [{ healthCheck: { ...healthCheck, maxWaitMs: 3_600_001 } }, 'maxWaitMs is not from 0 to 3600000'],
    [{ healthCheck: { ...healthCheck, expectedStatus: 99 } }, 'expectedStatus is not from 100 to 999'],
  ])('is refused with %j', (wrong, problem) => {
    expect(() => kernelModel({ ...model, ...wrong })).toThrow(new FrameError(problem).message);
  });
});

describe('the health of models', () => {
  it('is yes, no, or not known yet', () => {
    const said = [true, false, null].map((healthy) => ({ name: 'm', healthy }));
    expect(modelHealths(said.map((health) => ({ ...health, more: 1 })))).toEqual(said);
  });

  it.each<readonly [string, unknown]>([
    ['models is not a list', {}],
    ['model is not an object', [null]],
    ['name is not a text', [{ name: 1, healthy: true }]],
    ['name is longer than 65536 characters', [{ name: 'x'.repeat(65_537), healthy: true }]],
    ['healthy is not a boolean', [{ name: 'm', healthy: 1 }]],
    ['healthy is not a boolean', [{ name: 'm' }]],
    ['models has more than 16 items', Array(maxModels + 1).fill({ name: 'm', healthy: true })],
  ])('is refused when %s', (problem, said) => {
    expect(() => modelHealths(said)).toThrow(new FrameError(problem));
  });

  it('is said of as many models as a kernel may have', () => {
    const said = Array(maxModels).fill({ name: 'm', healthy: true });
    expect(modelHealths(said)).toEqual(said);
  });
});
