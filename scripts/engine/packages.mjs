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

export async function missingPackages(programs = needed) {
  const missing = [];
  for (const [program, name] of programs) if (!(await findProgram(program))) missing.push(name);
  return missing;
}

/** Whether this is Debian, Ubuntu, or derived from them. */
export async function isDebian() {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(release) && (await findProgram('apt-get')) !== undefined;
}

/** Tells a quarter at a time how far apt-get is. */
function progressOf(log) {
  let total = 0;
  let unpacked = 0;
  return (line) => {
    total ||= Number(/ (\d+) newly installed/.exec(line)?.[1] ?? 0);
    if (!line.startsWith('Unpacking ') || total === 0) return;
    unpacked += 1;
    const quarter = Math.floor((unpacked * 4) / total);
    if (quarter > Math.floor(((unpacked - 1) * 4) / total)) log(`  ${unpacked} of ${total} packages unpacked`);
  };
}

/** Installs packages, telling how far it is. */
export async function installPackages(packages, log) {
  const extra = { DEBIAN_FRONTEND: 'noninteractive' };
  log('  reading the list of packages');
  await follow('apt-get', ['-q', 'update'], { log: () => {}, extra });
  log(`  downloading ${packages.join(', ')} and what they need`);
  const install = ['-q', '-o', 'DPkg::Lock::Timeout=120', 'install', '-y', '--no-install-recommends', ...packages];
  await follow('apt-get', install, { log: progressOf(log), extra });
}
