import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../lib/log.ts';
import { containerOverrides } from './container-overrides.ts';

let root: string;
let folders: readonly [string, string, string];
let logged: unknown[];
let overrides: ReturnType<typeof containerOverrides>;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kernelet-overrides-'));
  folders = [join(root, 'etc'), join(root, 'home/.config'), join(root, 'cwd')];
  for (const folder of folders) await mkdir(folder, { recursive: true });
  logged = [];
  const log = { ...silentLogger, error: (_: string, fields?: object) => void logged.push(fields) };
  overrides = containerOverrides(folders, log);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const put = (index: 0 | 1 | 2, content: unknown) =>
  writeFile(
    join(folders[index], 'agent-docker-container-opts.json'),
    typeof content === 'string' ? content : JSON.stringify(content),
  );

describe('the operator’s options of containers', () => {
  it('are none without files, and those of all files together otherwise, with later folders first', async () => {
    expect(await overrides()).toBeUndefined();
    await put(0, { HostConfig: { Runtime: 'one', Ulimits: [{ Name: 'core' }], ShmSize: 1 } });
    await put(2, { HostConfig: { Runtime: 'two', Ulimits: [{ Name: 'rtprio' }] }, Domainname: 'x' });
    expect(await overrides()).toEqual({
      HostConfig: { Runtime: 'two', Ulimits: [{ Name: 'core' }, { Name: 'rtprio' }], ShmSize: 1 },
      Domainname: 'x',
    });
    await put(1, { HostConfig: { ShmSize: 2 } });
    expect(await overrides()).toMatchObject({ HostConfig: { ShmSize: 2 } });
    expect(logged).toEqual([]);
  });

  it.each([
    ['{', 'JSON'],
    ['[]', 'not an object'],
    ['{"HostConfig":"x"}', 'HostConfig is not an object'],
    ['{"HostConfig":{"Mounts":{}}}', 'HostConfig.Mounts is not a list'],
    ['{"Env":"A=1"}', 'Env is not a list'],
  ])('leave out a file that says %s, and log it once with its name', async (content, problem) => {
    await put(0, { Domainname: 'kept' });
    await put(1, content);
    expect(await overrides()).toEqual({ Domainname: 'kept' });
    expect(await overrides()).toEqual({ Domainname: 'kept' });
    expect(logged).toEqual([{ path: expect.stringContaining('.config'), problem: expect.stringContaining(problem) }]);
    await put(1, { Domainname: 'mended' });
    expect(await overrides()).toEqual({ Domainname: 'mended' });
  });
});
