/** A configuration file of a test, loaded for a user 1234 with a home of its own. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { type LoadOptions, loadSettings } from '../../src/config/load.ts';
import { ConfigError } from '../../src/config/problems.ts';

/** Gives each test of the file a folder, which is its working directory and home. */
export function useConfigFile() {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kernelet-config-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const root = (): string => folder;
  const file = (): string => join(folder, 'agent.toml');

  /** Loads `toml` as the file; null = there is none. */
  async function load(toml: string | null, options: LoadOptions = {}) {
    if (toml !== null) await writeFile(file(), toml);
    const flags = { ...(toml === null ? {} : { configFile: file() }), ...options.flags };
    const usual = { environ: {}, workingDir: folder, homeDir: folder, uid: 1234, gid: 5678 };
    return await loadSettings({ ...usual, ...options, flags });
  }

  /** What is wrong with a file that is refused: place, key and value of each. */
  async function problemsOf(toml: string, options: LoadOptions = {}): Promise<readonly string[]> {
    const error = await load(toml, options).then(
      () => new Error('it was accepted'),
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(
      (problem) => `${problem.place.replace(`${folder}/`, '')} ${problem.key} ${problem.value}`,
    );
  }

  return { root, file, load, problemsOf };
}

/** The least that a member of a cluster has to say. */
export const memberToml =
  '[etcd]\nnamespace = "local"\n[agent]\nbackend = "docker"\n[container]\nscratch-type = "hostdir"\n';
