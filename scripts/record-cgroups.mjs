#!/usr/bin/env node
/**
 * Records the cgroup files of a process, as they are at this moment, as one text: `record-cgroups.mjs PID > FILE`.
 * `test/fixtures/cgroups/` holds such records. Files that can't be read are left out.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const pid = process.argv[2];
if (!/^\d+$/.test(pid ?? '')) {
  console.error('usage: record-cgroups.mjs PID > FILE');
  process.exit(2);
}
const wanted =
  /^(cpuacct\.usage|cpu\.stat|cpu\.max|memory\.(stat|current|peak|max|events|oom_control|(max_)?usage_in_bytes|limit_in_bytes)|pids\.(current|max|events|peak)|blkio\.throttle\.io_service_bytes|io\.stat|(cpu|memory|io)\.pressure|cgroup\.procs)$/;

function record(path) {
  try {
    process.stdout.write(`== ${path}\n${readFileSync(path, 'utf8')}`);
  } catch {
    // Not every host has every file.
  }
}

const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
  .split('\n')
  .filter((line) => / - cgroup2? /.test(line));
process.stdout.write(`== /proc/self/mountinfo\n${mounts.join('\n')}\n`);
for (const name of ['cgroup', 'net/dev']) record(`/proc/${pid}/${name}`);
const membership = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
for (const mount of mounts) {
  const [before, after] = mount.split(' - ');
  const mountPoint = before.split(' ')[4];
  const [type, , options] = after.split(' ');
  for (const line of membership.split('\n')) {
    const [, controllers, folder] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (folder === undefined || folder === '/') continue;
    const here =
      type === 'cgroup2'
        ? controllers === ''
        : controllers !== '' && options.split(',').some((name) => controllers.split(',').includes(name));
    if (!here) continue;
    for (const name of readdirSync(join(mountPoint, folder)).sort()) {
      if (wanted.test(name)) record(join(mountPoint, folder, name));
    }
  }
}
