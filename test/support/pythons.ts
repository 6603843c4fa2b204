/** For tests: the Pythons of this machine that what the runner brings along has to work with. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';

/** The first of each minor version from 3.8 on: `python3` of the path, and what pyenv has installed. */
export function pythonsFrom38(): readonly { readonly version: string; readonly path: string }[] {
  const { PATH = '/usr/bin:/bin', PYENV_ROOT = `${homedir()}/.pyenv` } = process.env;
  const found = new Map<string, string>();
  for (const path of ['/usr/bin/python3', ...installed(`${PYENV_ROOT}/versions`), 'python3']) {
    const code = 'import sys; sys.version_info < (3, 8) or print("%d.%d" % sys.version_info[:2], sys.executable)';
    const { stdout } = spawnSync(path, ['-c', code], { encoding: 'utf8', env: { PATH } });
    const [version, executable] = (stdout ?? '').trim().split(' ');
    if (version && executable && !found.has(version)) found.set(version, executable);
  }
  return [...found].map(([version, path]) => ({ version, path })).sort(byMinor);
}

function installed(folder: string): readonly string[] {
  try {
    return readdirSync(folder).map((name) => `${folder}/${name}/bin/python3`);
  } catch {
    return [];
  }
}

const minor = (version: string): number => Number(version.split('.')[1]);
const byMinor = (a: { version: string }, b: { version: string }): number => minor(a.version) - minor(b.version);
