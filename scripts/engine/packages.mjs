// Installs what a private engine needs, on Debian and Ubuntu.
import { readFile } from 'node:fs/promises';
import { findProgram, follow } from './command.mjs';

/** Packages by the program that shows whether they are there. */
const needed = [
  ['dockerd', 'docker.io'],
  ['iptables', 'iptables'],
  ['ip', 'iproute2'],
  ['ps', 'procps'],
];

/** Packages that are missing. */
export async function missingPackages() {
  const missing = [];
  for (const [program, name] of needed) if (!(await findProgram(program))) missing.push(name);
  return missing;
}

/** Whether this is Debian, Ubuntu, or derived from them. */
export async function isDebian() {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(release) && (await findProgram('apt-get')) !== undefined;
}

/** Installs packages, telling how far it is. */
export async function installPackages(packages, log) {
  const extra = { DEBIAN_FRONTEND: 'noninteractive' };
  const quiet = () => {};
  log('reading the list of packages');
  await follow('apt-get', ['-q', 'update'], { log: quiet, extra });
  log(`downloading and installing ${packages.join(', ')}`);
  await follow('apt-get', ['-q', 'install', '-y', '--no-install-recommends', ...packages], {
    log: (line) => /^(Get:|Unpacking|Setting up)/.test(line) && log(`  ${line.slice(0, 100)}`),
    extra,
  });
}
