import { describe, expect, it } from 'vitest';
import { type Logger, silentLogger } from '../../lib/log.ts';
import type { NestedTable } from '../etcd/keys.ts';
import { clusterLimits, watchConfiguration } from './cluster-configuration.ts';

it('says which part has changed, once for each change, and nothing of its content', async () => {
  const said: unknown[] = [];
  const log: Logger = { ...silentLogger, warn: (_, fields) => void said.push(fields) };
  const states: readonly (readonly NestedTable[])[] = [
    [{ addr: 'a', password: 'secret' }, {}, {}, {}, {}],
    [{ addr: 'a', password: 'secret' }, {}, {}, {}, {}],
    [{ addr: 'a', password: 'other secret' }, { region: 'x' }, {}, {}, {}],
    [{ addr: 'a', password: 'other secret' }, { region: 'x' }, { 'kernel-uid': '5' }, {}, {}],
    [{ addr: 'a', password: 'other secret' }, { region: 'x' }, { 'kernel-uid': '5' }, {}, { cuda: { x: 'y' } }],
  ];
  const stop = new AbortController();
  const overlay = {
    async *follow() {
      yield* states;
      stop.abort(new Error('over'));
      throw stop.signal.reason;
    },
  };
  await watchConfiguration(overlay, log, stop.signal);
  expect(said).toEqual([
    { changed: ['config/redis', 'config/agent'] },
    { changed: ['config/container'] },
    { changed: ['config/plugins/accelerator'] },
  ]);
  await expect(watchConfiguration(overlay, log, new AbortController().signal)).rejects.toThrow('over');
});

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
