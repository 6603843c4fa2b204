/** The watcher with what a manager has put into a real etcd, and a `systemctl` that a test can make fail. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { EtcdClient } from '../../src/backendai/etcd/etcd-client.ts';
import { ScopedStore } from '../../src/backendai/etcd/scoped-store.ts';
import { runWatcher } from '../../src/backendai/watcher/watcher.ts';
import { loadSettings } from '../../src/config/load.ts';
import { type Logger, silentLogger } from '../../src/lib/log.ts';
import { type EtcdMember, startEtcd, type TestEtcd } from '../support/cluster/etcd-server.ts';
import { describeWith } from '../support/cluster/programs.ts';
import { freePorts, ownFolder } from '../support/cluster/server-process.ts';
import { FakeSystemctl } from '../support/fake-systemctl.ts';

const pathBefore = process.env['PATH'];

describeWith(['etcd'], 'the watcher of a node', () => {
  let etcd: TestEtcd;
  let member: EtcdMember;
  let client: EtcdClient;
  let store: ScopedStore;
  let folder: Awaited<ReturnType<typeof ownFolder>>;
  let systemctl: FakeSystemctl;
  let port: number;
  let stop: AbortController;
  let running: Promise<void>;
  let warnings: string[];
  beforeAll(async () => {
    etcd = await startEtcd();
    const [only] = etcd.members;
    if (!only) throw new Error('no member');
    member = only;
    client = new EtcdClient({ addresses: [member.address], tls: null, credentials: null, log: silentLogger });
    store = new ScopedStore(client, { namespace: 'local', agentId: 'i-watched', scalingGroup: 'default' });
  });
  afterAll(async () => {
    client[Symbol.dispose]();
    await etcd[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    folder = await ownFolder('watcher');
    systemctl = await FakeSystemctl.in(folder.path);
    process.env['PATH'] = `${systemctl.programs}:${pathBefore}`;
    await mkdir(path.join(folder.path, 'mnt'));
    await store.put({ 'volumes/_mount': path.join(folder.path, 'mnt'), 'config/watcher/token': 'sesame' }, 'global');
    // What a node or a group says of it is no manager's word.
    await store.put({ 'config/watcher/token': 'of-the-node' }, 'node');
    [stop, warnings] = [new AbortController(), []];
    [port = 0] = await freePorts(1);
  });
  afterEach(async () => {
    stop.abort();
    await running.catch(() => {});
    process.env['PATH'] = pathBefore;
    await folder[Symbol.asyncDispose]();
  });

  async function start(lines = ''): Promise<void> {
    const file = path.join(folder.path, 'agent.toml');
    const needed = `[etcd]\nnamespace = "local"\naddr = "${member.address}"\n[agent]\nbackend = "docker"\nid = "i-watched"
rpc-listen-addr = "127.0.0.1:6001"\n[container]\nscratch-type = "hostdir"\n[watcher]\nservice-addr = "127.0.0.1:${port}"\n`;
    await writeFile(file, `${needed}${lines}`);
    const { settings } = await loadSettings({ flags: { configFile: file }, environ: {}, workingDir: folder.path });
    const log: Logger = { ...silentLogger, warn: (text) => void warnings.push(text) };
    running = runWatcher({ settings, agentArguments: [], log, signal: stop.signal });
    await expect.poll(() => ask('GET', '/').catch(() => null), { timeout: 20_000 }).not.toBe(null);
  }
  async function ask(
    method: string,
    place: string,
    { token = 'sesame', body }: { token?: string; body?: object } = {},
  ) {
    const reply = await fetch(`http://127.0.0.1:${port}${place}`, {
      method,
      headers: { 'X-BackendAI-Watcher-Token': token },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    return { status: reply.status, text: await reply.text() };
  }

  // @promise watcher
  it('says how the agent is, and starts, stops, restarts and reloads its unit', async () => {
    await start('target-service = "my-agent.service"\nsoft-reset-available = true\n');
    const state = async () => JSON.parse((await ask('GET', '/')).text)['agent-status'];
    expect(await state()).toBe('active');
    const ok = { status: 200, text: '{"result":"ok"}' };
    expect(await ask('POST', '/agent/stop')).toEqual(ok);
    expect(await state()).toBe('inactive');
    for (const act of ['/agent/start', '/agent/restart', '/soft-reset', '/hard-reset']) {
      expect(await ask('POST', act)).toEqual(ok);
    }
    expect(await systemctl.calls()).toEqual([
      ...['stop', 'start', 'restart', 'reload', 'stop'].map((verb) => `${verb} -- my-agent.service`),
      ...['restart -- docker.service', 'start -- my-agent.service'],
    ]);
    await systemctl.fail('start', 'Job failed: see the journal.\n');
    expect(await ask('POST', '/agent/start')).toEqual({
      status: 500,
      text: '{"result":"error","message":"systemctl start my-agent.service: Job failed: see the journal."}',
    });
    expect(JSON.parse((await ask('GET', '/agent/status')).text)).toMatchObject({ state: 'active', pid: 42 });
    expect((await ask('GET', '/healthz')).text).toContain('"status":"ok"');
    expect((await ask('GET', '/metrics')).text).toContain(
      'kernelet_watcher_requests_total{route="POST /agent/start",status="500"} 1\n',
    );
  });

  // @promise watcher-token
  it('goes by the token of the cluster as it is now, also while etcd is away', async () => {
    await start();
    expect((await ask('GET', '/', { token: 'of-the-node' })).status).toBe(403);
    expect((await ask('POST', '/soft-reset')).status).toBe(404);
    await store.put({ 'config/watcher/token': 'a-new-one' }, 'global');
    await expect.poll(async () => (await ask('GET', '/', { token: 'a-new-one' })).status).toBe(200);
    expect((await ask('GET', '/')).status).toBe(403);
    await member.process.kill();
    expect((await ask('POST', '/agent/restart', { token: 'a-new-one' })).status).toBe(200);
    await member.process.start();
    await store.remove('config/watcher/token', 'global');
    await expect.poll(async () => (await ask('GET', '/', { token: 'insecure' })).status, { timeout: 40_000 }).toBe(200);
    expect(warnings).toContain('everybody knows the token of this watcher: set config/watcher/token in etcd');
  });

  it('does nothing for whoever has the token that everybody knows, where it is told so', async () => {
    await store.remove('config/watcher/token', 'global');
    await start('[kernelet.watcher]\nallow-insecure-token = false\n');
    expect((await ask('GET', '/', { token: 'insecure' })).status).toBe(200);
    expect((await ask('POST', '/agent/stop', { token: 'insecure' })).status).toBe(403);
    expect(await systemctl.calls()).toEqual([]);
  });

  it('a mount that hangs holds up nobody else, and its caller not longer than a manager waits', async () => {
    const hanging = path.join(systemctl.programs, 'mount');
    await writeFile(hanging, '#!/bin/sh\nexec sleep 60\n');
    await chmod(hanging, 0o755);
    await start();
    const begun = performance.now();
    const mounting = ask('POST', '/mounts', { body: { name: 'v1', fs_location: 'nas:/v1' } });
    for (let times = 0; times < 5; times += 1) expect((await ask('GET', '/')).status).toBe(200);
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(await mounting).toEqual({ status: 500, text: 'mount: it took longer than 7000 ms' });
    expect(performance.now() - begun).toBeLessThan(10_000);
    expect(await ask('GET', '/mounts')).toEqual({ status: 200, text: '[]' });
  });
});
