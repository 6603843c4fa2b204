import { describe, expect, it } from 'vitest';
import {
  decodeEngineIdentity,
  type EngineEvidence,
  encodeEngineIdentity,
  judgeEngine,
  otherEngineText,
} from './engine-identity.ts';

const known = {
  version: 1 as const,
  address: 'unix:///run/docker.sock',
  identity: 'A',
  dataRoot: '/data',
  markName: 'kernelet-1',
  mark: 'm1',
  acceptedAt: null,
};
const evidence = (change: Partial<EngineEvidence>): EngineEvidence => ({
  known,
  info: { identity: 'A', dataRoot: '/data' },
  mark: null,
  hasOurs: false,
  hasContainers: true,
  atStake: true,
  ...change,
});

describe('whether an engine is the one that has the kernels', () => {
  it.each([
    ['it is the first', { known: null, hasContainers: false }, 'new'],
    ['none was noted, and it has one of the containers', { known: null, hasOurs: true }, 'new'],
    ['none was noted, and it has none of the containers', { known: null }, 'other'],
    ['its mark is there', { mark: 'm1', info: { identity: 'B', dataRoot: '/moved' } }, 'same'],
    [
      'it has one of the containers, and no mark',
      { hasOurs: true, info: { identity: 'B', dataRoot: '/moved' } },
      'same',
    ],
    ['it says the same of itself, and has lost the mark', {}, 'other'],
    ['it has the mark of another time', { mark: 'm0' }, 'other'],
    ['nothing is known of it, and nothing can be lost', { atStake: false }, 'new'],
    ['it takes no mark, and says the same', { known: { ...known, mark: null } }, 'same'],
    ['it takes no mark, and is called otherwise', { known: { ...known, mark: null, identity: 'B' } }, 'other'],
    ['it takes no mark, and has its data elsewhere', { known: { ...known, mark: null, dataRoot: '/old' } }, 'other'],
  ] as const)('is judged: %s', (_, change, verdict) => {
    expect(judgeEngine(evidence(change))).toBe(verdict);
  });

  it('is said in words that name both, and what to do', () => {
    const other = otherEngineText(known, { address: 'unix:///other.sock', identity: 'B', dataRoot: '/b' });
    for (const part of ['/other.sock', '/b', '/run/docker.sock', '/data', 'kernelet engine accept'])
      expect(other).toContain(part);
    const unknown = otherEngineText(null, { address: 'unix:///other.sock', identity: 'B', dataRoot: '/b' });
    for (const part of ['/other.sock', '/b', 'not recorded', 'kernelet engine accept']) expect(unknown).toContain(part);
    const empty = otherEngineText(known, { address: known.address, identity: 'A', dataRoot: '/data' });
    expect(empty).toMatch(/has lost its data in \/data.*not mounted/);
  });

  it('is stored as a text that is read back as it was', () => {
    for (const one of [known, { ...known, mark: null }])
      expect(decodeEngineIdentity(encodeEngineIdentity(one))).toEqual(one);
    expect(() => decodeEngineIdentity('{"version":2}')).toThrow();
  });
});
