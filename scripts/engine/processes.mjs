// Processes and mounts as /proc shows them: enough to end a private engine by its recorded pid and to prove that
// nothing of it is left.
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** The arguments of a process; empty when it is gone or a zombie. */
export async function commandLine(pid) {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return text.split('\0').filter((argument) => argument !== '');
}

/** When a process began, in the kernel's ticks: with the pid it names a process for ever. Undefined when it is gone. */
export async function startTime(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

/** Pids of the processes one of whose arguments contains `part`. */
export async function processesWith(part) {
  const found = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    if ((await commandLine(name)).some((argument) => argument.includes(part))) found.push(Number(name));
  }
  return found;
}

/** Pids of the processes in a control group whose path contains `part`: a container's id, for instance. */
export async function processesInGroup(part) {
  const found = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const groups = await readFile(`/proc/${name}/cgroup`, 'utf8').catch(() => '');
    if (groups.includes(part)) found.push(Number(name));
  }
  return found;
}

/** Asks a process to end, and makes it end after `patienceMs`. Resolves when it is gone. */
export async function endProcess(pid, patienceMs) {
  for (const [signal, ms] of [
    ['SIGTERM', patienceMs],
    ['SIGKILL', 5_000],
  ]) {
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    const limit = Date.now() + ms;
    while (Date.now() < limit) {
      if ((await commandLine(pid)).length === 0) return;
      await sleep(50);
    }
  }
  throw new Error(`process ${pid} does not end`);
}

/** Mount points below a folder, deepest first. */
export async function mountsBelow(folder) {
  const plain = (text) => text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').filter((line) => line !== '');
  return lines
    .map((line) => plain(line.split(' ')[4] ?? ''))
    .filter((point) => point === folder || point.startsWith(`${folder}/`))
    .sort((one, other) => other.length - one.length);
}
