import { setTimeout as wait } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { openTerminal, type ProgramTerminal } from './program-terminal.ts';

const patience = { timeout: 10_000 };
const size = { columns: 80, rows: 24 };

async function open(script: string, holds: () => boolean = () => false) {
  const heard = { text: '', ended: false };
  const argv = ['/bin/sh', '-c', `stty raw -echo; echo ready; ${script}`];
  const program = { argv, environ: { PATH: '/usr/bin:/bin' }, folder: '/', launcher: '/bin/sh' };
  const terminal: ProgramTerminal = openTerminal(program, size, {
    onOutput: (bytes) => {
      heard.text += Buffer.from(bytes).toString('latin1');
      return !holds();
    },
    onEnd: () => {
      heard.ended = true;
    },
  });
  await vi.waitFor(() => expect(heard.text).toContain('ready'), patience);
  return { terminal, heard };
}

it('a terminal keeps what its program does not read yet, blocks nothing meanwhile, and says when it is taken', async () => {
  const { terminal, heard } = await open('head -c 1 >/dev/null; head -c 999999 | wc -c');
  const taken: boolean[] = [];
  const typed = [Buffer.alloc(999_000, 'x'), Buffer.alloc(1_000, 'x')];
  const writing = typed.map((bytes) => terminal.write(bytes).then((isTaken) => taken.push(isTaken)));
  const begun = performance.now();
  await wait(1);
  expect(performance.now() - begun).toBeLessThan(1_000);
  await Promise.all(writing);
  expect(taken).toEqual([true, true]);
  await vi.waitFor(() => expect(heard.ended).toBe(true), patience);
  expect(heard.text).toContain('999999');
});

it('a terminal drops what is left to be typed when it is hung up, which its program hears', async () => {
  const { terminal, heard } = await open('trap "exit 3" HUP; echo trapped; while :; do sleep 60 & wait; done');
  await vi.waitFor(() => expect(heard.text).toContain('trapped'), patience);
  expect(await terminal.write(Buffer.from('at once'))).toBe(true);
  const never = terminal.write(Buffer.alloc(1_000_000));
  terminal[Symbol.dispose]();
  expect(await never).toBe(false);
  await vi.waitFor(() => expect(heard.ended).toBe(true), patience);
  expect(await terminal.write(Buffer.from('late'))).toBe(false);
  terminal.resize(size);
});

it('a terminal stands still while its viewer takes no more, and everything arrives when it goes on', async () => {
  let isFull = true;
  const { terminal, heard } = await open('seq 1 200000; echo over', () => isFull);
  await wait(100);
  expect(heard.text.length).toBeLessThan(200_000);
  expect(heard.ended).toBe(false);
  isFull = false;
  terminal.resume();
  await vi.waitFor(() => expect(heard.ended).toBe(true), patience);
  expect(heard.text).toContain('\n199999\n200000\nover\n');
  expect(heard.text.split('\n')).toHaveLength(200_003);
});

it('what a terminal prints with its last breath arrives, and no program holds the terminal of another', async () => {
  const first = await open('head -c 1 >/dev/null');
  const { heard } = await open('ls -l /proc/self/fd | grep -c ptmx; seq 1 20000');
  await vi.waitFor(() => expect(heard.ended).toBe(true), patience);
  expect(heard.text).toMatch(/ready\n0\n1\n2\n/);
  expect(heard.text).toMatch(/\n20000\n$/);
  await first.terminal.write(Buffer.from('x'));
  await vi.waitFor(() => expect(first.heard.ended).toBe(true), patience);
});
