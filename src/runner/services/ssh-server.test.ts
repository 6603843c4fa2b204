import { describe, expect, it } from 'vitest';
import { clusterHosts, serverEnvironment } from './ssh-server.ts';

const keys = { '/c/id_cluster': 'secret', '/c/id_cluster.pub': 'open' };
const reading =
  (files: Readonly<Record<string, string>>) =>
  (path: string): string | null =>
    files[path] ?? null;

describe('the hosts of a session', () => {
  it('are none without its keys', () => {
    expect(clusterHosts('/c', reading({}), 'main:1,sub:2')).toBe('');
    expect(clusterHosts('/c', reading({ '/c/id_cluster': 'secret' }), 'main:1')).toBe('');
  });

  it('are named by their roles, on the port of every kernel', () => {
    expect(clusterHosts('/c', reading(keys), 'main:1,sub:2')).toBe(
      [
        ...['Host main*', '  Port 2200', '  StrictHostKeyChecking no', '  IdentityFile /c/id_cluster'],
        ...['Host sub*', '  Port 2200', '  StrictHostKeyChecking no', '  IdentityFile /c/id_cluster'],
      ].join('\n'),
    );
    expect(clusterHosts('/c', reading(keys), undefined)).toMatch(/^Host main\*\n/);
  });

  it('are those of a mapping, as far as they can be names', () => {
    const mapping = JSON.stringify({
      sub1: ['10.0.0.7', 30_022],
      'bad\nHost *': ['10.0.0.8', 1],
      odd: ['-oProxyCommand=x', 1],
      other: 'text',
    });
    const text = clusterHosts('/c', reading({ ...keys, '/c/port-mapping.json': mapping }), 'main:1');
    expect(text.split('\n').slice(0, 3)).toEqual(['Host sub1', '  HostName 10.0.0.7', '  Port 30022']);
    expect(text.match(/^Host /gm)).toHaveLength(1);
    expect(clusterHosts('/c', reading({ ...keys, '/c/port-mapping.json': '{' }), 'main:1')).toBe('');
  });
});

it('the SSH server loads no library of the tenant; its sessions have the variables all the same', () => {
  expect(serverEnvironment({ LD_PRELOAD: "/a'b.so", PATH: '/bin', GREETING: 'hello' })).toEqual({
    LD_PRELOAD: '',
    KERNELET_SSH_ENVIRON: "export LD_PRELOAD='/a'\\''b.so'\nexport PATH='/bin'",
    SHLVL: '1',
  });
});
