import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { silentLogger } from '../../lib/log.ts';
import { loadCurveKeys, makeCurveKeys } from './curve-keys.ts';

const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-keys-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

it('keeps the secret part for its owner, and reads both', async () => {
  const { publicFile, secretFile } = await makeCurveKeys(folder, 'agent');
  expect((await stat(secretFile)).mode & 0o777).toBe(0o600);
  expect((await stat(publicFile)).mode & 0o777).toBe(0o644);
  const keys = await loadCurveKeys({ agentKeypairFile: secretFile, managerPublicKeyFiles: [publicFile] }, silentLogger);
  expect(keys.publicKey).toHaveLength(40);
  expect((await keys.allowedKeys())[0]).toHaveLength(32);
});

it('says which file is wrong', async () => {
  const { publicFile, secretFile } = await makeCurveKeys(folder, 'other');
  const bad = path.join(folder, 'bad.key');
  await writeFile(bad, 'nonsense');
  const load = (agentKeypairFile: string, managerPublicKeyFiles: string[]) =>
    loadCurveKeys({ agentKeypairFile, managerPublicKeyFiles }, silentLogger);
  await expect(load(publicFile, [publicFile])).rejects.toThrow('has no secret-key line');
  await expect(load(secretFile, [])).rejects.toThrow('agent.rpc-auth-manager-public-key is missing');
  await expect(load(secretFile, [bad])).rejects.toThrow(bad);
  await expect(load(path.join(folder, 'none'), [publicFile])).rejects.toThrow('none');
});
