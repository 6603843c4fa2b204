import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { waitsForPipe } from './input-wait.ts';
import { PipePool } from './pipe-pool.ts';

/** Waits in each of the ways in which programs do, by the name of the call; `busy` and `sleep` are for no input. */
const source = `
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>
static void *reading(void *ignored) { char byte; return (void *)(read(0, &byte, 1) + (char *)ignored); }
int main(int count, char **words) {
  char *how = words[1], byte;
  int other[2];
  if (pipe(other) != 0) return 1;
  write(1, "on", 2);
  if (!strcmp(how, "read")) return read(0, &byte, 1);
  if (!strcmp(how, "copy")) { int copy = fcntl(0, F_DUPFD, 70); return read(copy, &byte, 1); }
  if (!strcmp(how, "thread")) { pthread_t thread; pthread_create(&thread, 0, reading, 0); return pthread_join(thread, 0); }
  if (!strcmp(how, "child")) { if (fork() == 0) return read(0, &byte, 1); pause(); }
  if (!strcmp(how, "poll")) { struct pollfd all[2] = {{other[0], POLLIN, 0}, {0, POLLIN, 0}}; return poll(all, 2, -1); }
  if (!strcmp(how, "select")) { fd_set set; FD_ZERO(&set); FD_SET(0, &set); return select(1, &set, 0, 0, 0); }
  if (!strcmp(how, "epoll")) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = 0};
    int epoll = epoll_create1(0);
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event);
    return epoll_wait(epoll, &event, 1, -1);
  }
  if (!strcmp(how, "other")) return read(other[0], &byte, 1);
  if (!strcmp(how, "other-poll")) { struct pollfd all[1] = {{other[0], POLLIN, 0}}; return poll(all, 1, -1); }
  if (!strcmp(how, "sleep")) sleep(60);
  for (;;) ;
}
`;

let folder: string;
let pool: PipePool;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kernelet-wait-'));
  writeFileSync(join(folder, 'wait.c'), source);
  execFileSync('cc', ['-w', '-o', join(folder, 'wait'), join(folder, 'wait.c'), '-lpthread']);
  pool = new PipePool('/bin/sh');
});
afterAll(() => rmSync(folder, { recursive: true }));

let children: ChildProcess[];
beforeEach(() => {
  children = [];
});
afterEach(() => {
  for (const { pid } of children) {
    if (pid === undefined) continue;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
});

/** A program whose standard input is a pipe of its own: its process and the number of the pipe. */
async function start(command: string, args: readonly string[]) {
  const { ours, theirs } = await pool.takeForInput();
  const pipe = fstatSync(ours).ino;
  const child = spawn(command, args, { stdio: [theirs, 'pipe', 'ignore'], detached: true });
  children.push(child);
  closeSync(theirs);
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  return { leader: child.pid ?? 0, pipe, ours };
}

describe('a program waits for its input', () => {
  it.each(['read', 'copy', 'thread', 'child', 'poll', 'select', 'epoll'])('by the way of %s', async (how) => {
    const { leader, pipe, ours } = await start(join(folder, 'wait'), [how]);
    await expect.poll(() => waitsForPipe(leader, pipe)).toBe(true);
    expect(waitsForPipe(leader, pipe + 1)).toBe(false);
    closeSync(ours);
  });

  it.each([
    ['sh', ['-c', 'printf on; sh -c "read line"; :']],
    ['bash', ['-c', 'printf on; read -t 30 line']],
    ['python3', ['-uc', 'print("on"); input()']],
    [process.execPath, ['-e', 'console.log("on"); process.stdin.on("data", () => {})']],
  ])('in %s %j', async (command, args) => {
    const { leader, pipe, ours } = await start(command, args);
    await expect.poll(() => waitsForPipe(leader, pipe)).toBe(true);
    closeSync(ours);
  });
});

it.each(['other', 'other-poll', 'sleep', 'busy'])('a program in the midst of %s does not', async (how) => {
  const { leader, pipe, ours } = await start(join(folder, 'wait'), [how]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(waitsForPipe(leader, pipe)).toBe(false);
  closeSync(ours);
});

it('one that has what it waits for does not wait, from the moment on at which it is written', async () => {
  const { leader, pipe, ours } = await start('sh', ['-c', 'printf on; while read line; do sleep 60; done']);
  await expect.poll(() => waitsForPipe(leader, pipe)).toBe(true);
  writeFileSync(ours, 'line\n');
  expect(waitsForPipe(leader, pipe)).toBe(false);
  closeSync(ours);
});

it('of a process that has ended nothing is hidden', async () => {
  const { leader, pipe, ours } = await start('sh', ['-c', 'echo on']);
  await expect.poll(() => waitsForPipe(leader, pipe)).toBe(false);
  closeSync(ours);
});

it('a process of somebody else’s that hides its calls says nothing', async () => {
  const mine = openSync('/dev/null', 'r');
  process.seteuid?.(65_534);
  try {
    expect(waitsForPipe(process.ppid, 1)).toBeNull();
  } finally {
    process.seteuid?.(0);
    closeSync(mine);
  }
});
