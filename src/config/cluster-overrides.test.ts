import { describe, expect, it } from 'vitest';
import { rawValuesOfCluster } from './cluster-overrides.ts';

const valuesOf = (overrides: Parameters<typeof rawValuesOfCluster>[0]): unknown =>
  Object.fromEntries([...rawValuesOfCluster(overrides).values].map(([key, { value }]) => [key, value]));

describe('what a cluster sets of its nodes', () => {
  it('is read of texts by the types of their keys', () => {
    expect(
      valuesOf({
        agent: {
          'kernel-creation-concurrency': '8',
          'cohabiting-storage-proxy': 'false',
        },
        container: { 'kernel-uid': '1100', 'kernel-gid': '-1' },
      }),
    ).toEqual({
      'agent.kernel-creation-concurrency': '8',
      'agent.cohabiting-storage-proxy': false,
      'container.kernel-uid': '1100',
      'container.kernel-gid': '-1',
    });
  });

  it('is warned of where it cannot be used, naming the key in etcd, and takes the rest', () => {
    const { values, warnings } = rawValuesOfCluster({
      agent: { id: 'other', '': 'x', 'kernel-creation-concurrency': 'many', region: 'kr', 'no-such': { key: '1' } },
    });
    expect([...values.keys()]).toEqual(['agent.region']);
    expect(values.get('agent.region')).toEqual({ value: 'kr', source: 'cluster', place: 'etcd config/agent/region' });
    expect(warnings).toHaveLength(4);
    expect(warnings[0]).toBe('etcd config/agent/id: ignored, since a cluster cannot set agent.id');
    expect(warnings.join()).toMatch(/kernel-creation-concurrency: ignored, since "many" is not a whole number/);
  });

  it('is warned of where a key has no effect, unless it asks for what kernelet does', () => {
    const { values, warnings } = rawValuesOfCluster({
      agent: { 'sync-container-lifecycles': { interval: '5.5' } },
      container: { 'stats-type': 'cgroup', 'swarm-enabled': 'true' },
    });
    expect(values.size).toBe(0);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^etcd config\/agent\/sync-container-lifecycles\/interval: agent\.sync-container-lifecycles has no effect\./,
      ),
      expect.stringMatching(/^etcd config\/container\/swarm-enabled: container\.swarm-enabled has no effect\./),
    ]);
  });

  it('has limits too, which others read', () => {
    const agent = {
      'container-logs': { 'max-length': '1M' },
      api: { 'pull-timeout': 'none' },
      'kernel-lifecycles': {},
    };
    expect(rawValuesOfCluster({ agent })).toEqual({ values: new Map(), warnings: [] });
  });

  it('are also options of device plugins, laid over the node’s own, but for those that name code', () => {
    const own = { mock: { allocation_mode: 'discrete', unit_mem: '1g' }, '/opt/npu.mjs': { memory: '1' } };
    const given = new Map([['kernelet.plugin-options', { value: own, source: 'file', place: 'a.toml' }]] as const);
    const plugins = {
      mock: { allocation_mode: 'fractional' },
      '/opt/npu.mjs': { count: '2' },
      cuda: { library: '/tmp/evil.so', device_mask: '0' },
      stray: 'x',
      deep: { er: { x: '1' } },
    };
    const { values, warnings } = rawValuesOfCluster({ plugins }, given);
    expect(values.get('kernelet.plugin-options')).toEqual({
      value: {
        mock: { allocation_mode: 'fractional', unit_mem: '1g' },
        '/opt/npu.mjs': { memory: '1', count: '2' },
        cuda: { device_mask: '0' },
      },
      source: 'cluster',
      place: 'etcd config/plugins/accelerator',
    });
    expect(warnings).toEqual(
      ['cuda/library', 'stray/', 'deep/er'].map(
        (name) => `etcd config/plugins/accelerator/${name}: ignored, since a cluster cannot set it`,
      ),
    );
    expect(rawValuesOfCluster({ plugins: {} }, given).values).toEqual(new Map());
  });
});
