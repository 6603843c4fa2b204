import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadSettings } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { newRunId } from '../lib/ids.ts';
import { silentLogger as log } from '../lib/log.ts';
import { openBackend } from './engine-backends.ts';
import { openInstance } from './standalone.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-backend-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function dummySettings(): Promise<Settings> {
  const { settings } = await loadSettings({ environ: {}, homeDir: '/nowhere', uid: 0, gid: 0 });
  return { ...settings, stateDir: folder, agent: { ...settings.agent, backend: 'dummy' } };
}

const signal = AbortSignal.timeout(20_000);

it('runs kernels without a container engine when agent.backend is "dummy": programs print themselves, files come back', async () => {
  const agent = await openInstance({ settings: await dummySettings(), folder, log, onProgress: () => {} });
  await using _agent = agent;
  await agent.start({ retry: false });
  const { id } = await agent.create(
    { language: 'python', environ: {}, mounts: [], publish: [], interpreter: 'lazy' },
    signal,
  );
  expect(await agent.list({ all: false })).toMatchObject([{ id, phase: 'running', image: 'kernelet/python:latest' }]);
  const run = newRunId();
  await agent.execute(id, run, { mode: 'query', code: '6 * 7', timeoutMs: null }, signal);
  let printed = '';
  for await (const { event, body } of agent.events(id, run, 0, signal)) {
    if (event.kind === 'stdout') printed += Buffer.from(body).toString();
  }
  expect(printed).toBe('6 * 7\n');
  await agent.upload(id, 'data.txt', new Blob(['kept']).stream(), { mode: null, signal });
  const { content } = await agent.download(id, 'data.txt', signal);
  expect(await new Response(content).text()).toBe('kept');
  await agent.destroy(id, { force: false });
  expect(await agent.list({ all: false })).toEqual([]);
});

it('has any image on the dummy engine: a pull succeeds without a registry', async () => {
  const { engine } = openBackend({ settings: await dummySettings(), log, onProgress: () => {} });
  await using _engine = engine;
  await engine.pullImage('registry.example/team/image:1', {}, signal);
  expect(await engine.inspectImage('registry.example/team/image:1', signal)).toMatchObject({ os: 'linux' });
});
