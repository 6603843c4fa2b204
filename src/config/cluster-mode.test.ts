import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memberToml, useConfigFile } from '../../test/support/config-file.ts';

const { root, load, problemsOf } = useConfigFile();

describe('cluster mode', () => {
  it('is chosen by [etcd] and has its own paths of state and socket', async () => {
    const { settings } = await load(
      `${memberToml}\n[agent2]\n`.replace('[agent]', '[agent]\nipc-base-path = "/ipc"\nvar-base-path = "/var/b"'),
    );
    expect(settings).toMatchObject({
      mode: 'cluster',
      stateDir: '/var/b/kernelet',
      socketPath: '/ipc/kernelet.sock',
      etcd: { namespace: 'local', addresses: [{ host: '127.0.0.1', port: 2379 }], user: '', password: '' },
      container: { scratchRoot: join(root(), 'scratches') },
    });
  });

  it('refuses an address of the node that managers cannot reach, and only there', async () => {
    const listening = memberToml.replace('[container]', 'rpc-listen-addr = "0.0.0.0:6001"\n[container]');
    expect(await problemsOf(listening)).toEqual(['agent.toml:5 agent.rpc-listen-addr "0.0.0.0:6001"']);
    const advertising = listening.replace('[container]', 'advertised-rpc-addr = "[::]:1"\n[container]');
    expect(await problemsOf(advertising)).toEqual(['agent.toml:6 agent.advertised-rpc-addr "[::]:1"']);
    const reachable = await load(advertising.replace('[::]', 'node5'));
    expect(reachable.settings.agent.advertisedRpcAddress).toEqual({ host: 'node5', port: 1 });
    expect((await load(listening, { forceStandalone: true })).settings.mode).toBe('standalone');
  });

  it('requires what upstream requires, and only there', async () => {
    expect(await problemsOf('[etcd]\n')).toEqual([
      'agent.toml container.scratch-type null',
      'agent.toml agent.backend null',
      'agent.toml etcd.namespace null',
    ]);
    expect((await load('[agent]\n[container]\n')).settings.mode).toBe('standalone');
    expect((await load('[etcd]\n', { forceStandalone: true })).settings.mode).toBe('standalone');
  });

  it.each(['docker', 'cgroup'])('reads figures of containers directly, stats-type being %s', async (type) => {
    const toml = `${memberToml}stats-type = "${type}"\n`;
    expect((await load(toml)).settings.metrics.source).toBe('direct');
    expect((await load(`${toml}[metrics]\nsource = "engine"\n`)).settings.metrics.source).toBe('engine');
  });

  it('takes several servers of etcd, and certificates for TLS', async () => {
    const tls = 'ssl-enabled = true\nssl-ca-cert = "ca.pem"\n';
    const addr = 'addr = ["a:2379", "[::1]:2380"]\n';
    const { settings } = await load(memberToml.replace('[agent]', `${addr}${tls}[agent]`));
    expect(settings.etcd).toMatchObject({
      addresses: [
        { host: 'a', port: 2379 },
        { host: '::1', port: 2380 },
      ],
      tls: { enabled: true, authorityFile: join(root(), 'ca.pem'), certificateFile: null, keyFile: null },
    });
    const given = await load(memberToml, { environ: { BACKEND_ETCD_ADDR: 'b:1, c:2' } });
    expect(given.settings.etcd?.addresses.map(({ host }) => host)).toEqual(['b', 'c']);
    const pair = await load(memberToml.replace('[agent]', 'addr = ["host", 2379]\n[agent]'));
    expect(pair.settings.etcd?.addresses).toEqual([{ host: 'host', port: 2379 }]);
    expect(await problemsOf(memberToml.replace('[agent]', 'addr = []\n[agent]'))).toEqual([
      'agent.toml:3 etcd.addr []',
    ]);
  });

  it('runs scripts of images as root, which nobody has alone, unless the operator says so', async () => {
    const said = async (toml: string) => (await load(toml)).settings.imageBootstrap;
    expect(await said('')).toBe('never');
    expect(await said('[kernelet]\nimage-bootstrap = "root"\n')).toBe('root');
    expect(await said(memberToml)).toBe('root');
    expect(await said(`${memberToml}[kernelet]\nimage-bootstrap = "never"\n`)).toBe('never');
    expect(await problemsOf('[kernelet]\nimage-bootstrap = "tenant"\n')).toEqual([
      'agent.toml:2 kernelet.image-bootstrap "tenant"',
    ]);
  });

  it('lets the cluster win over the file, and only in cluster mode', async () => {
    const overrides = { agent: { 'kernel-creation-concurrency': '8' }, container: { 'kernel-uid': '1100' } };
    const file = memberToml.replace('[container]', 'kernel-creation-concurrency = 2\n[container]\nkernel-uid = 1000');
    const { settings, sources } = await load(file, { cluster: overrides });
    expect(settings.agent.kernelCreationConcurrency).toBe(8);
    expect(settings.container.kernelUser.uid).toBe(1100);
    expect(sources.get('container.kernel-uid')).toBe('cluster');
    const wrong = await load(file, { cluster: { container: { 'kernel-uid': 'nobody-knows' } } });
    expect(wrong.settings.container.kernelUser.uid).toBe(1000);
    const alone = await load(file, { cluster: overrides, forceStandalone: true });
    expect(alone.settings.container.kernelUser.uid).toBe(1000);
  });

  it('has metadata for kernels, unless it is off or listens where no kernel comes', async () => {
    const of = async (line: string, end = '') =>
      (await load(`${memberToml.replace('[container]', `${line}\n[container]`)}\n${end}`)).settings.agent
        .metadataServer;
    expect(await of('')).toEqual({ host: '0.0.0.0', port: 40_128 });
    expect(await of('metadata-server-bind-host = "10.0.0.9"\nmetadata-server-port = 80')).toEqual({
      host: '10.0.0.9',
      port: 80,
    });
    for (const host of ['127.0.0.1', '::1', 'localhost'])
      expect(await of(`metadata-server-bind-host = "${host}"`)).toBeNull();
    expect(await of('metadata-server-bind-host = "::"')).toMatchObject({ host: '::' });
    await expect(of('metadata-server-bind-host = "2001:db8::1"')).rejects.toThrow(/metadata-server-bind-host.*IPv6/s);
    expect(await of('', '[kernelet]\nmetadata-server = false\n')).toBeNull();
    const alone = await load(memberToml, { forceStandalone: true });
    expect(alone.settings.agent.metadataServer).toBeNull();
  });

  it('says that variables for etcd alone choose nothing', async () => {
    const { settings, warnings } = await load(null, { environ: { BACKEND_NAMESPACE: 'x' } });
    expect(settings.mode).toBe('standalone');
    expect(warnings[0]).toContain('environment variable BACKEND_NAMESPACE: without effect');
  });
});
