import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EtcdEndpoint, EtcdFailure } from '../../src/backendai/etcd/endpoint.ts';
import { etcdOverlay, NodeRegistry } from '../../src/backendai/etcd/etcd-adapter.ts';
import { EtcdClient } from '../../src/backendai/etcd/etcd-client.ts';
import { ScopedStore } from '../../src/backendai/etcd/scoped-store.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/lib/log.ts';
import { makeCertificates } from '../support/cluster/certificates.ts';
import { compactAll, enableAuthentication, everything } from '../support/cluster/etcd-admin.ts';
import { type EtcdMember, startEtcd, type TestEtcd } from '../support/cluster/etcd-server.ts';
import { describeWith } from '../support/cluster/programs.ts';
import { ownFolder } from '../support/cluster/server-process.ts';
import { TcpProxy } from '../support/cluster/tcp-proxy.ts';
import { within } from '../support/cluster/within.ts';

const log = silentLogger;
let namespaces = 0;
const clock = systemClock;

function connect(
  etcd: Pick<TestEtcd, 'tls'>,
  addresses: readonly string[],
  more: Partial<ConstructorParameters<typeof EtcdClient>[0]> = {},
) {
  const client = new EtcdClient({ addresses, tls: etcd.tls, credentials: null, log, ...more });
  namespaces += 1;
  const namespace = `ns${namespaces}`;
  const store = new ScopedStore(client, { namespace, agentId: 'i-one', scalingGroup: 'gpu' });
  return { client, store, namespace, registry: new NodeRegistry({ store, clock, log }) };
}

const first = (etcd: TestEtcd): EtcdMember => {
  const [member] = etcd.members;
  if (!member) throw new Error('no member');
  return member;
};

describeWith(['etcd', 'openssl'], 'etcd', () => {
  let etcd: TestEtcd;
  beforeAll(async () => {
    etcd = await startEtcd();
  });
  afterAll(async () => await etcd[Symbol.asyncDispose]());

  it('holds the recorded keys after a registration, with the slash at the end of the status', async () => {
    const { client, store, namespace, registry } = connect(etcd, [first(etcd).address]);
    using _ = client;
    await registry.announce('starting', null, within(5000));
    expect(await everything(client, namespace)).toEqual({ [`/sorna/${namespace}/nodes/agents/i-one/`]: 'starting' });
    await registry.announce('running', { ip: '10.20.0.11', watcherPort: 6009 }, within(5000));
    expect(await everything(client, namespace)).toEqual({
      [`/sorna/${namespace}/nodes/agents/i-one/`]: 'running',
      [`/sorna/${namespace}/nodes/agents/i-one/ip`]: '10.20.0.11',
      [`/sorna/${namespace}/nodes/agents/i-one/watcher_port`]: '6009',
    });
    expect(await store.get('nodes/agents/i-one', ['global'])).toBeUndefined();
    expect(await store.getTable('nodes/agents', ['global'])).toEqual({
      'i-one': { '': 'running', ip: '10.20.0.11', watcher_port: '6009' },
    });
  });

  it('reads single keys through the scopes, and tables with whole sub-trees hidden', async () => {
    const { client, store } = connect(etcd, [first(etcd).address]);
    using _ = client;
    await store.put({ 'config/redis/addr': 'a:1', 'config/redis/h/x': '1', 'config/redis/h/y': '' }, 'global');
    await store.put({ 'config/redis/addr': 'b:1' }, 'group');
    await store.put({ 'config/redis/h/x': '9' }, 'node');
    expect(await store.get('config/redis/addr')).toBe('b:1');
    expect(await store.get('config/redis/h/y')).toBe('');
    expect(await store.get('config/redis/missing')).toBeUndefined();
    expect(await store.getTable('config/redis')).toEqual({ addr: 'b:1', h: { x: '9' } });
    const overlay = etcdOverlay(store);
    expect(await overlay.read(['config/redis', 'nothing'], within(5000))).toEqual([{ addr: 'b:1', h: { x: '9' } }, {}]);
  });

  it('neither reads nor removes siblings whose names begin alike', async () => {
    const { client, store, namespace } = connect(etcd, [first(etcd).address]);
    using _ = client;
    await store.put({ p: 'top', 'p/key': 'def', 'p2/other': 'leak' }, 'global');
    expect(await store.getTable('p', ['global'])).toEqual({ '': 'top', key: 'def' });
    expect(await store.getTable('p/', ['global'])).toEqual({ key: 'def' });
    await store.removeTable('p', 'global');
    expect(Object.keys(await everything(client, namespace))).toEqual([`/sorna/${namespace}/p2/other`]);
    await store.remove('p2/other', 'global');
    expect(await everything(client, namespace)).toEqual({});
  });

  it('quotes every component of a table that it writes, and replaces only what it expects', async () => {
    const { client, store, namespace } = connect(etcd, [first(etcd).address]);
    using _ = client;
    await store.putTable('a', { 'x/y z': '한', deep: { '': 'v', k: '1' } }, 'global');
    expect(await everything(client, namespace)).toEqual({
      [`/sorna/${namespace}/a/x%2Fy%20z`]: '한',
      [`/sorna/${namespace}/a/deep`]: 'v',
      [`/sorna/${namespace}/a/deep/k`]: '1',
    });
    expect(await store.replace('a/deep', 'wrong', 'new', 'global')).toBe(false);
    expect(await store.replace('a/deep', 'v', 'new', 'global')).toBe(true);
    expect(await store.get('a/deep', ['global'])).toBe('new');
  });

  it('waits for a manager that comes later', async () => {
    const { client, store, registry } = connect(etcd, [first(etcd).address]);
    using _ = client;
    const waiting = registry.waitForManager(within(10_000));
    await sleep(300);
    await store.put({ 'nodes/manager/i-mgr': 'up' }, 'global');
    await waiting;
    const stopped = new AbortController();
    const other = connect(etcd, [first(etcd).address]);
    using __ = other.client;
    const never = other.registry.waitForManager(stopped.signal);
    stopped.abort(new Error('enough'));
    await expect(never).rejects.toThrow('enough');
  });

  it('follows a table over cut connections and compaction, without missing the state', async () => {
    await using proxy = await TcpProxy.start(first(etcd).port);
    const { client, store } = connect(etcd, [`127.0.0.1:${proxy.port}`]);
    const direct = connect(etcd, [first(etcd).address]);
    using _ = client;
    using __ = direct.client;
    const writer = new ScopedStore(direct.client, {
      namespace: `ns${namespaces - 1}`,
      agentId: 'i-one',
      scalingGroup: 'gpu',
    });
    const seen = store.followTables(['config/agent'], within(30_000));
    expect((await seen.next()).value).toEqual([{}]);
    await writer.put({ 'config/agent/a': '1' }, 'global');
    expect((await seen.next()).value).toEqual([{ a: '1' }]);
    const next = seen.next();
    proxy.cut();
    await writer.put({ 'config/agent/b': '2' }, 'node');
    await writer.remove('config/agent/a', 'global');
    await compactAll(first(etcd).address);
    let state = (await next).value;
    if (JSON.stringify(state) !== '[{"b":"2"}]') state = (await seen.next()).value;
    expect(state).toEqual([{ b: '2' }]);
    await seen.return();
  });

  it('says in one error that no server answers, and that a server refuses', async () => {
    const { client } = connect(etcd, ['127.0.0.1:1'], { timeoutMs: 1000 });
    using _ = client;
    await expect(client.read([{ key: Buffer.from('x') }])).rejects.toMatchObject({ code: 'ETCD_UNAVAILABLE' });
    using endpoint = new EtcdEndpoint(first(etcd).address, null);
    const empty = endpoint.transact([{ put: { key: new Uint8Array(), value: new Uint8Array() } }], null, {
      timeoutMs: 1000,
      token: null,
    });
    await expect(empty).rejects.toSatisfy((error) => error instanceof EtcdFailure && error.kind === 'refused');
  });

  it('leaves a server that has become half-open within its deadline, and a slow one is served', async () => {
    await using proxy = await TcpProxy.start(first(etcd).port);
    const { client, store } = connect(etcd, [`127.0.0.1:${proxy.port}`], { timeoutMs: 1500 });
    using _ = client;
    await store.put({ k: '1' }, 'global');
    proxy.mode = { kind: 'half-open' };
    const begun = performance.now();
    await expect(store.get('k')).rejects.toMatchObject({ code: 'ETCD_UNAVAILABLE' });
    expect(performance.now() - begun).toBeLessThan(2500);
    proxy.mode = { kind: 'pass' };
    proxy.cut();
    expect(await store.get('k')).toBe('1');
    const patient = connect(etcd, [`127.0.0.1:${proxy.port}`]);
    using __ = patient.client;
    proxy.mode = { kind: 'slow', delayMs: 5000 };
    await patient.store.put({ k: '2' }, 'global');
    expect(await patient.store.get('k')).toBe('2');
  });

  it('notices that a watch has become half-open, and reads again when the server is back', async () => {
    await using proxy = await TcpProxy.start(first(etcd).port);
    const { client, store, namespace } = connect(etcd, [`127.0.0.1:${proxy.port}`], { timeoutMs: 2000 });
    using _ = client;
    const seen = store.followTables(['config/agent'], within(60_000));
    expect((await seen.next()).value).toEqual([{}]);
    const next = seen.next();
    await sleep(500);
    proxy.mode = { kind: 'half-open' };
    const direct = connect(etcd, [first(etcd).address]);
    using __ = direct.client;
    await new ScopedStore(direct.client, { namespace, agentId: 'i-one', scalingGroup: 'gpu' }).put(
      { 'config/agent/a': '1' },
      'global',
    );
    await sleep(20_000);
    proxy.mode = { kind: 'pass' };
    expect((await next).value).toEqual([{ a: '1' }]);
    await seen.return();
  });
});

describeWith(['etcd', 'openssl'], 'etcd with outages', () => {
  it('is registered when etcd comes up late, and again when it has come back empty', async () => {
    await using etcd = await startEtcd();
    const member = first(etcd);
    await member.process.kill();
    const { client, namespace, registry } = connect(etcd, [member.address], { timeoutMs: 2000 });
    using _ = client;
    const stop = new AbortController();
    const announced = registry.announce('running', { ip: '10.0.0.1', watcherPort: null }, stop.signal);
    await sleep(1500);
    await member.process.start();
    await announced;
    const kept = registry.keepRegistered(stop.signal);
    await sleep(500);
    await member.restartEmpty();
    await expect
      .poll(() => everything(client, namespace).catch(() => null), { timeout: 20_000 })
      .toEqual({
        [`/sorna/${namespace}/nodes/agents/i-one/`]: 'running',
        [`/sorna/${namespace}/nodes/agents/i-one/ip`]: '10.0.0.1',
      });
    stop.abort();
    await kept;
  });

  it('goes on with the other two when one of three servers dies or hangs', async () => {
    await using etcd = await startEtcd(3);
    const addresses = etcd.members.map(({ address }) => address);
    const { client, store } = connect(etcd, addresses, { timeoutMs: 3000 });
    using _ = client;
    const seen = store.followTables(['config/agent'], within(90_000));
    expect((await seen.next()).value).toEqual([{}]);
    let next = seen.next();
    await first(etcd).process.kill();
    await expect
      .poll(
        () =>
          store.put({ 'config/agent/a': '1' }, 'global').then(
            () => 'put',
            () => 'not yet',
          ),
        { timeout: 30_000 },
      )
      .toBe('put');
    expect((await next).value).toEqual([{ a: '1' }]);
    await first(etcd).process.start();
    const [, second] = etcd.members;
    second?.process.freeze();
    next = seen.next();
    await expect
      .poll(
        () =>
          store.put({ 'config/agent/a': '2' }, 'global').then(
            () => 'put',
            () => 'not yet',
          ),
        { timeout: 30_000 },
      )
      .toBe('put');
    expect((await next).value).toEqual([{ a: '2' }]);
    second?.process.thaw();
    await seen.return();
  });

  it('leaves a server that has lost the others, also with its watch', async () => {
    await using etcd = await startEtcd(3);
    const [alone, ...others] = etcd.members;
    if (!alone) throw new Error('no member');
    const { client, store, namespace } = connect(etcd, [alone.address, '127.0.0.1:1'], { timeoutMs: 2000 });
    using _ = client;
    const seen = store.followTables(['config/agent'], within(60_000));
    expect((await seen.next()).value).toEqual([{}]);
    const next = seen.next();
    await sleep(500);
    for (const { process } of others) process.freeze();
    await expect(store.get('k')).rejects.toMatchObject({ code: 'ETCD_UNAVAILABLE' });
    await sleep(4000);
    for (const { process } of others) process.thaw();
    await expect
      .poll(
        () =>
          store.put({ 'config/agent/a': namespace }, 'global').then(
            () => true,
            () => false,
          ),
        { timeout: 30_000 },
      )
      .toBe(true);
    expect((await next).value).toEqual([{ a: namespace }]);
    await seen.return();
  });

  it('authenticates, and again when the server has forgotten its tokens', async () => {
    await using etcd = await startEtcd();
    const member = first(etcd);
    await enableAuthentication(member.address, 'root', 'sec%ret: /');
    const anonymous = connect(etcd, [member.address]);
    using _ = anonymous.client;
    await expect(anonymous.store.get('k')).rejects.toMatchObject({ code: 'ETCD_REFUSED' });
    const wrong = connect(etcd, [member.address], { credentials: { user: 'root', password: 'no' } });
    using __ = wrong.client;
    await expect(wrong.store.get('k')).rejects.toMatchObject({ code: 'ETCD_REFUSED' });
    const { client, store } = connect(etcd, [member.address], {
      credentials: { user: 'root', password: 'sec%ret: /' },
    });
    using ___ = client;
    await store.put({ k: '1' }, 'global');
    const seen = store.followTables(['config/agent'], within(60_000));
    expect((await seen.next()).value).toEqual([{}]);
    const next = seen.next();
    await member.process.kill('SIGTERM');
    await member.process.start();
    await expect.poll(() => store.get('k').catch(() => null), { timeout: 20_000 }).toBe('1');
    await store.put({ 'config/agent/a': '1' }, 'global');
    expect((await next).value).toEqual([{ a: '1' }]);
    await seen.return();
  });

  it('speaks TLS with a certificate of its own, and to nobody whose authority it does not know', async () => {
    await using folder = await ownFolder('tls');
    await using etcd = await startEtcd(1, makeCertificates(folder.path));
    const { client, store } = connect(etcd, [first(etcd).address]);
    using _ = client;
    await store.put({ k: '1' }, 'global');
    expect(await store.get('k')).toBe('1');
    const unknown = connect({ tls: { authority: null, certificate: null, key: null } }, [first(etcd).address], {
      timeoutMs: 2000,
    });
    using __ = unknown.client;
    await expect(unknown.store.get('k')).rejects.toMatchObject({ code: 'ETCD_UNAVAILABLE' });
  });
});
