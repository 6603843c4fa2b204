import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { KerneletError } from '../lib/errors.ts';
import type { AdjustableLogger, LogLevel } from '../lib/log.ts';
import { LiveConfiguration, Reloading } from './live-configuration.ts';

let folder: string;
let file: string;
let lines: string[];
let level: LogLevel | null;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'reloading-'));
  file = path.join(folder, 'agent.toml');
  lines = [];
  level = null;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const note =
  (at: string) =>
  (message: string, fields?: object): void =>
    void lines.push(`${at} ${message}${fields && 'error' in fields ? `: ${(fields.error as Error).message}` : ''}`);
const log: AdjustableLogger = {
  debug: note('debug'),
  info: note('info'),
  warn: note('warn'),
  error: note('error'),
  child: () => log,
  setLevel: (now) => {
    level = now;
  },
};

async function started(text: string, flags: { logLevel?: string } = {}) {
  await writeFile(file, text);
  const configuration = await LiveConfiguration.read({ flags: { configFile: file, ...flags }, environ: {} });
  const reloading = new Reloading(configuration, log, null);
  const reload = async (now: string): Promise<void> => {
    await writeFile(file, now);
    reloading.request();
    await reloading.settled();
  };
  return { reloading, reload };
}

const read = 'info the configuration has been read again';

it('changes the level of the log at once', async () => {
  const { reload } = await started('');
  await reload('[logging]\nlevel = "debug"\n');
  expect([level, lines]).toEqual(['debug', [read]]);
});

it('leaves the level as the command line has it', async () => {
  const { reload } = await started('', { logLevel: 'warn' });
  await reload('[logging]\nlevel = "debug"\n');
  expect(level).toBe('warn');
});

it('names each key that needs a restart, until the file says again what is in force', async () => {
  const { reload } = await started('[agent]\nid = "i-1"\n');
  const changed = '[agent]\nid = "i-2"\n[kernelet]\ndefault-cpus = 2\n';
  const warned = [
    'warn kernelet.default-cpus has changed; it counts from the next start of this daemon',
    'warn agent.id has changed; it counts from the next start of this daemon',
    read,
  ];
  await reload(changed);
  await reload(changed);
  expect(lines).toEqual([...warned, ...warned]);
  lines.length = 0;
  await reload('[agent]\nid = "i-1"\n');
  expect(lines).toEqual([read]);
});

it('refuses a broken file in one line, and goes on with the configuration in force', async () => {
  const { reload } = await started('[logging]\nlevel = "warn"\n');
  await reload('[logging]\nlevel = "debug"\n[kernelet]\ndefault-cpus = "many"\n');
  expect(level).toBe(null);
  expect(lines).toEqual([expect.stringMatching(/^error the configuration is refused; .*default-cpus = "many"/)]);
});

it('refuses a file that is gone, although another would be found', async () => {
  const { reloading } = await started('');
  await rm(file);
  reloading.request();
  await reloading.settled();
  expect(lines).toEqual([expect.stringContaining('is not a file')]);
});

it('warns of what is new in the file alone', async () => {
  const { reload } = await started('[agent]\nidd = "x"\n');
  await reload('[agent]\nidd = "x"\nregoin = "y"\n');
  expect(lines).toEqual([expect.stringMatching(/^warn .*regoin/), read]);
});

it('lets the node take what it can', async () => {
  const { reloading, reload } = await started('');
  const seen: (string | null)[] = [];
  reloading.setNode({
    adopt: async ({ agent }) => {
      seen.push(agent.pidFile);
      return ['agent.pid-file'];
    },
  });
  await reload('[agent]\npid-file = "/run/k.pid"\n');
  expect([seen, lines]).toEqual([['/run/k.pid'], [read]]);
});

it('changes nothing when the node cannot take its part', async () => {
  const { reloading, reload } = await started('');
  reloading.setNode({
    adopt: async () => {
      throw new KerneletError('STATE_UNUSABLE', 'the disk is gone');
    },
  });
  await reload('[logging]\nlevel = "debug"\n');
  expect([level, lines]).toEqual([null, [expect.stringMatching(/^error .*the disk is gone$/)]]);
});

it('reloads once more for whatever was asked for during a reload', async () => {
  const { reloading } = await started('');
  for (let times = 0; times < 100; times += 1) reloading.request();
  await reloading.settled();
  expect(lines.length).toBeLessThanOrEqual(2);
});
