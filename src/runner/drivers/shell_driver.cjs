/**
 * Answers queries in a shell and keeps its state: the driver of the `shell` runtime (driver-protocol.ts). It runs on
 * the volume's Node and keeps one shell of the image alive, which evaluates each query with empty input and its
 * output going where the driver's goes; the shell's own standard input and descriptor 4 carry commands and statuses,
 * and no program of the user's inherits either.
 *
 *   argv: the shell, behind a `=`, so that Node takes it for no option of its own (src/lib/node-process.ts).
 *   KERNELET_WITHHELD: a JSON object of variables that are for the shell and not for this Node.
 *
 * A query that ends the shell (`exit 3`, `exec`, an error under `set -e`) has that status, and the next one begins in
 * a fresh shell. After SIGINT bash hands its variables, functions and options on to the next; others start afresh.
 */
'use strict';
const { spawn } = require('node:child_process');
const { mkdtempSync, readlinkSync, rmSync } = require('node:fs');
const { constants, tmpdir } = require('node:os');
const { basename, join } = require('node:path');
const net = require('node:net');

const shellPath = (process.argv[2] ?? '=sh').slice(1);
const isBash = basename(shellPath) === 'bash';
const { KERNELET_WITHHELD: withheld = '{}', ...own } = process.env;
const environ = { ...own, ...JSON.parse(withheld) };
const channel = new net.Socket({ fd: 3, readable: true, writable: true });

/** The shell that lives, the folder that it can hand its state on in, and the status that the next query finds. */
let shell = null;
let folder = null;
let lastStatus = 0;
/** What the shell is busy with: an `execute`, or a list of completions; null when it is idle. */
let current = null;
const queue = [];

/** How often is checked whether the shell waits for commands without having answered, and how often in a row that may be. */
const pollMs = 500;
const maxPolls = 4;
let waitingPolls = 0;

/** What a process has as its standard input. */
function inputOf(pid) {
  try {
    return readlinkSync(`/proc/${pid}/fd/0`);
  } catch {
    return null;
  }
}

/**
 * A query has another standard input than the shell, which gets its own back when the query is over. A shell that then
 * gives no answer executes nothing any more (`set -n`), and never will.
 */
function checkShell() {
  const waits = current?.op === 'execute' && shell?.stdin.writableLength === 0 && inputOf(shell.pid) === shell.commands;
  waitingPolls = waits ? waitingPolls + 1 : 0;
  if (waitingPolls < maxPolls) return;
  waitingPolls = 0;
  process.stderr.write('kernelet: the shell executes nothing any more (set -n) and is ended: its variables are lost\n');
  shell.kill('SIGKILL');
}

function send(message) {
  channel.write(`${JSON.stringify(message)}\n`);
}

function quote(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Said to a fresh shell. */
function greeting() {
  const lines = ['__kernelet_status() { return "$1"; }'];
  const kept = isBash && stateFile();
  if (kept) {
    const state = 'declare -p; declare -f; alias -p; shopt -p; set +o; umask -p; printf "cd -- %q\\n" "$PWD"';
    const lost = `rm -f ${quote(kept)}; echo "kernelet: there is no room to keep the variables: they are lost" >&2`;
    lines.push(
      `if [ -f ${quote(kept)} ]; then . ${quote(kept)}; rm -f ${quote(kept)}; fi >/dev/null 2>&1`,
      `trap ${quote(`{ ${state}; } > ${quote(kept)} 2>/dev/null || { ${lost}; }; exit 130`)} INT`,
    );
  }
  return lines;
}

/** A file that only the tenant can read; null when there is no place for it. */
function stateFile() {
  try {
    folder ??= mkdtempSync(join(tmpdir(), '.kernelet-shell-'));
    return join(folder, 'state');
  } catch {
    return null;
  }
}

function start() {
  const started = spawn(shellPath, isBash ? ['--noprofile', '--norc'] : [], {
    env: environ,
    stdio: ['pipe', 'inherit', 'inherit', 'ignore', 'pipe'],
  });
  started.on('error', (error) => ended(started, 127, `kernelet: ${shellPath} does not start: ${error.message}\n`));
  shell = started;
  if (!started.stdin) return; // this process has no descriptors left for it: `error` follows
  started.on('exit', (code, signal) => ended(started, code ?? 128 + (constants.signals[signal] ?? 0)));
  started.stdin.on('error', () => {}); // it has ended: `exit` says so
  let text = '';
  started.stdio[4].on('data', (chunk) => {
    text += chunk;
    const lines = text.split('\n');
    text = lines.pop();
    for (const line of lines) if (started === shell) answered(line);
  });
  started.commands = inputOf(started.pid);
  writeToShell(greeting());
}

function writeToShell(lines) {
  shell.stdin?.write(`${lines.join('\n')}\n`);
}

function ended(which, status, complaint = '') {
  if (which !== shell) return;
  shell = null;
  if (complaint) process.stderr.write(complaint);
  lastStatus = 0;
  finish(status);
}

function answered(line) {
  if (current?.op === 'complete' && line !== '') {
    current.matches.push(line);
    return;
  }
  if (current?.op === 'execute') lastStatus = Number(line);
  finish(lastStatus);
}

function finish(status) {
  const { op, id, matches } = current ?? {};
  current = null;
  if (op === 'execute') send({ ev: 'done', id, exitCode: status });
  if (op === 'complete') send({ ev: 'completion', id, matches: [...new Set(matches)].sort().slice(0, 1000) });
  next();
}

function next() {
  if (current || queue.length === 0) return;
  current = queue.shift();
  if (shell === null) start();
  if (current.op === 'execute') execute(current.code);
  else complete(current.code.slice(0, current.cursor));
}

/** The line that answers is a simple command: after a quote that is not closed, bash takes `{` for no reserved word. */
function execute(code) {
  const status = `case $- in *e*) ;; *) __kernelet_status ${lastStatus} ;; esac`;
  writeToShell([
    `LINENO=0; ${status}; eval ${quote(code)} </dev/null 4>&-`,
    `command printf '%s\\n' "$?" 2>/dev/null >&4`,
  ]);
}

/** Bash says what can follow; other shells have no means to. An empty line ends the list. */
function complete(before) {
  const [word = ''] = /[^\s;|&()<>"']*$/.exec(before) ?? [];
  const first = /(?:^|[;|&(])\s*$/.test(before.slice(0, before.length - word.length));
  const list = word.startsWith('$')
    ? `compgen -v -P '$' -- ${quote(word.slice(1))}`
    : `compgen ${first ? '-c ' : ''}-f -- ${quote(word)}`;
  writeToShell([`{ ${isBash ? list : ':'}; command printf '\\n'; } </dev/null >&4 2>/dev/null`]);
}

let pieces = [];
channel.on('data', (chunk) => {
  pieces.push(chunk);
  if (!chunk.includes(10)) return;
  const lines = Buffer.concat(pieces).toString().split('\n');
  pieces = [Buffer.from(lines.pop())];
  for (const line of lines) {
    const message = JSON.parse(line);
    if (message.op === 'execute') queue.push(message);
    if (message.op === 'complete') queue.push({ ...message, matches: [] });
  }
  next();
});
channel.on('close', () => process.exit());
channel.on('error', () => process.exit());
process.on('SIGINT', () => {});
process.on('exit', () => {
  if (folder) rmSync(folder, { recursive: true, force: true });
});
setInterval(checkShell, pollMs).unref();
start();
send({ ev: 'ready' });
