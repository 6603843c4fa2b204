import { describe, expect, it } from 'vitest';
import { clusterLimits } from './cluster-limits.ts';

describe('clusterLimits', () => {
  it('has the defaults of 24.09', () => {
    expect(clusterLimits({})).toEqual({
      containerLogBytes: 10_485_760,
      containerLogChunkBytes: 65_536,
      pullTimeoutMs: 7_200_000,
      pushTimeoutMs: null,
      kernelStartTimeoutMs: null,
    });
  });

  it('reads sizes, times and their absence, each for itself', () => {
    expect(
      clusterLimits({
        'container-logs': { 'max-length': 'Infinity' },
        api: { 'pull-timeout': 'None', 'push-timeout': '1.5' },
        'kernel-lifecycles': { 'init-polling-attempt': '3', 'init-timeout-sec': '90' },
      }),
    ).toMatchObject({
      containerLogBytes: null,
      containerLogChunkBytes: 65_536,
      pullTimeoutMs: null,
      pushTimeoutMs: 1500,
      kernelStartTimeoutMs: 90_000,
    });
  });

  it.each([
    [{ api: { 'pull-timeout': '-1' } }, 'config/agent/api/pull-timeout'],
    [{ api: { 'pull-timeout': '' } }, 'config/agent/api/pull-timeout'],
    [{ 'container-logs': { 'chunk-size': '0' } }, 'config/agent/container-logs/chunk-size'],
    [{ 'container-logs': { 'max-length': 'big' } }, 'config/agent/container-logs/max-length'],
  ])('refuses %j', (table, key) => {
    expect(() => clusterLimits(table)).toThrow(key);
  });
});
