/** The watcher of a node, asked by administrators by way of the manager. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EtcdClient } from '../../src/backendai/etcd/etcd-client.ts';
import { ScopedStore } from '../../src/backendai/etcd/scoped-store.ts';
import { silentLogger } from '../../src/lib/log.ts';
import { FakeSystemctl } from '../support/fake-systemctl.ts';
import { agentPorts } from '../support/manager/agent.ts';
import { ManagerRefusal } from '../support/manager/driver.ts';
import { stageFor } from '../support/manager/stage.ts';
import { WatcherUnderTest } from '../support/watcher-under-test.ts';

const agent_id = 'i-watched';
const stage = stageFor(agent_id);
/** As `manager/configuration.sh` has it. */
const token = 'e2e-watcher-token';

let systemctl: FakeSystemctl;
let watcher: WatcherUnderTest;
let prefix: string;
let client: EtcdClient;
let store: ScopedStore;
beforeAll(async () => {
  const { id, folder } = stage.agent;
  client = new EtcdClient({
    ...{ addresses: [`127.0.0.1:${stage.place.etcdPort}`], tls: null, credentials: null, log: silentLogger },
  });
  store = new ScopedStore(client, { namespace: 'local', agentId: id, scalingGroup: 'default' });
  prefix = path.join(folder, 'mnt');
  await mkdir(prefix);
  await store.put({ 'volumes/_mount': prefix }, 'global');
  systemctl = await FakeSystemctl.in(folder);
  const configFile = path.join(folder, 'watcher.toml');
  const configuration = await readFile(path.join(folder, 'agent.toml'), 'utf8');
  await writeFile(configFile, `${configuration}[kernelet]\nvolume-file-systems = ["tmpfs"]\n`);
  const environment = { PATH: `${systemctl.programs}:${process.env['PATH']}` };
  watcher = await WatcherUnderTest.start({ folder, configFile, port: agentPorts.watcher, token, environment });
});
afterAll(async () => {
  await watcher[Symbol.asyncDispose]();
  await store.remove('volumes/_mount', 'global');
  client[Symbol.dispose]();
});

/** What the manager answers an administrator, as JSON. */
async function ask<Answer>(method: string, place: string, given: object = {}): Promise<Answer> {
  const form = method === 'GET' ? { params: given } : { json: given };
  const bytes = await stage.admin.call<string>('request', { method, path: place, ...form });
  return JSON.parse(Buffer.from(bytes, 'base64').toString()) as Answer;
}

// @promise watcher
it('an administrator sees, stops, starts and restarts the agent', async () => {
  const state = () => ask('GET', '/resource/watcher', { agent_id });
  expect(await state()).toEqual({ 'agent-status': 'active', 'watcher-status': 'active' });
  expect(await ask('POST', '/resource/watcher/agent/stop', { agent_id })).toEqual({ result: 'ok' });
  expect(await state()).toEqual({ 'agent-status': 'inactive', 'watcher-status': 'active' });
  expect(await ask('POST', '/resource/watcher/agent/start', { agent_id })).toEqual({ result: 'ok' });
  expect(await ask('POST', '/resource/watcher/agent/restart', { agent_id })).toEqual({ result: 'ok' });
  const unit = 'backendai-agent.service';
  expect(await systemctl.calls()).toEqual([`stop -- ${unit}`, `start -- ${unit}`, `restart -- ${unit}`]);
  await systemctl.fail('start', 'Job failed.\n');
  const refused = ask('POST', '/resource/watcher/agent/start', { agent_id });
  await expect(refused).rejects.toThrow(ManagerRefusal);
  await expect(refused).rejects.toMatchObject({ status: 500 });
  await systemctl.fail('start', null);
});

interface Mounts {
  readonly agents: Readonly<Record<string, { readonly success: boolean; readonly message: string }>>;
}

it('an administrator mounts a volume, and sees it and the table of file systems', async () => {
  await writeFile(watcher.etc('fstab'), '# this machine\n');
  const volume = { name: 'v1', fs_location: 'kernelet-e2e', fs_type: 'tmpfs', options: 'size=1m', edit_fstab: true };
  const done = { [agent_id]: { success: true, message: '' } };
  const place = path.join(prefix, 'v1');
  expect((await ask<Mounts>('POST', '/folders/_/mounts', volume)).agents).toEqual(done);
  expect(watcher.mountAt(place)).toContain('nosuid,nodev');
  expect((await ask<Mounts>('GET', '/folders/_/mounts')).agents).toEqual({
    [agent_id]: { success: true, mounts: [place], message: '' },
  });
  const table = `# this machine\nkernelet-e2e ${place} tmpfs size=1m,nosuid,nodev 0 0\n`;
  expect(await ask('GET', '/folders/_/fstab', { agent_id })).toMatchObject({ content: table, node: 'agent' });
  // This manager begins a transaction twice there, and asks no node.
  await expect(ask('DELETE', '/folders/_/mounts', { name: 'v1', edit_fstab: true })).rejects.toMatchObject({
    status: 500,
  });
  // What it would send.
  const unmount = { name: 'v1', scaling_group: null, fstab_path: null, edit_fstab: true };
  expect(await watcher.ask('DELETE', '/mounts', unmount)).toEqual({ status: 200, text: '' });
  expect([watcher.mountAt(place), await readFile(watcher.etc('fstab'), 'utf8')]).toEqual([
    undefined,
    '# this machine\n',
  ]);
});

// @promise watcher-bounds
it('no name leads out of the prefix, and the administrator is told so', async () => {
  for (const name of ['../../etc', 'a/b', '-o']) {
    const { agents } = await ask<Mounts>('POST', '/folders/_/mounts', { name, fs_location: 'x', fs_type: 'tmpfs' });
    expect(agents).toEqual({
      [agent_id]: { success: false, message: `${JSON.stringify(name)} is no name of a folder` },
    });
  }
});
