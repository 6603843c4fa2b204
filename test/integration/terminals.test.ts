/** The command line on a real terminal: shells and programs of kernels, as a person uses them, and the terminal afterwards. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { NodeUnderTest } from '../support/node-under-test.ts';
import { RealTerminal } from '../support/real-terminal.ts';

let node: NodeUnderTest;
let id: string;
beforeAll(async () => {
  node = await NodeUnderTest.started();
  id = await node.create('--lang', 'python');
});
afterAll(() => node?.[Symbol.asyncDispose]());

let terminal: RealTerminal;
/** How the terminal is set, as `stty` writes it. */
let usual: string;
beforeEach(async () => {
  terminal = new RealTerminal({ ...node.environment, ID: id }, node.folder, { columns: 100, rows: 30 });
  usual = await settings();
});
afterEach(() => terminal[Symbol.dispose]());

async function settings(): Promise<string> {
  await terminal.line('stty -g');
  return /^\S*:\S*$/m.exec(await terminal.shows(/^\S*:\S*\r\n\$ $/m))?.[0] ?? '';
}
const runs = async (): Promise<string> => (await node.run(['processes', id])).text;

// @promise terminals
describe('on a terminal', () => {
  it('a shell of a kernel has its size, follows it, takes Ctrl-C, and ends with its own exit status', async () => {
    await terminal.line('kernelet shell $ID -e PS1="in> "');
    await terminal.line('stty size; echo $TERM $0; cd /tmp', /[$>#] $/);
    await terminal.shows(/30 100\r\nxterm-256color \S*bash\r\n/);
    terminal.resize(77, 22);
    await terminal.type('until [ "$(stty size)" = "22 77" ]; do sleep 0.1; done; echo "re"sized\r');
    await terminal.shows('resized');
    await terminal.type('sh -c "echo st""arted; exec sleep 1000"\r');
    await terminal.shows('started');
    await terminal.type('\x03');
    await terminal.line('echo "a"fter $?; exit 5', /[$#] $/);
    await terminal.shows('after 130');
    await terminal.line('echo "sta"tus $?');
    await terminal.shows('status 5');
    expect(await settings()).toBe(usual);
  });

  it('a program is left by Ctrl-P Ctrl-Q, goes on, and is come back to', async () => {
    await terminal.line('kernelet exec -it --name kept $ID -- cat');
    await terminal.line('first', 'cat\r\n');
    await terminal.shows('first\r\nfirst\r\n');
    await terminal.type('\x10\x11');
    await terminal.shows(/detached; `kernelet attach \S+ \S+` comes back/);
    expect(await settings()).toBe(usual);
    expect(await runs()).toContain('kept');
    await terminal.line('kernelet attach $ID kept');
    await terminal.shows('first\r\nfirst\r\n');
    await terminal.type('second\r');
    await terminal.shows('second\r\nsecond\r\n');
    await terminal.type('\x04');
    await terminal.line('echo "sta"tus $?');
    await terminal.shows('status 0');
  });

  it('the terminal is as before after a signal ended the command, and the program is hung up', async () => {
    for (const [signal, status] of [
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const) {
      await terminal.line(
        `sh -c 'echo pid $$; exec kernelet exec -it --name gone $ID -- sh -c "echo begun; exec sleep 1000"'`,
      );
      const [, pid] = /pid (\d+)/.exec(await terminal.shows('begun\r\n')) ?? [];
      process.kill(Number(pid), signal);
      await terminal.line('echo "sta"tus $?');
      await terminal.shows(`status ${status}`);
      expect(await settings()).toBe(usual);
      await vi.waitFor(async () => expect(await runs()).not.toContain('gone'), { timeout: 20_000 });
    }
  });

  it('a program gets a terminal in a kernel of its own too', async () => {
    await terminal.line(
      `kernelet run -it --lang python -c 'import sys; print(sys.stdin.isatty(), input("who? ")); sys.exit(4)'`,
    );
    await terminal.shows('who? ');
    await terminal.type('me\r');
    await terminal.shows('True me\r\n');
    await terminal.line('echo "sta"tus $?');
    await terminal.shows('status 4');
    expect(await settings()).toBe(usual);
  });

  it('the page on terminals says what is so', async () => {
    const page = await readFile(path.resolve(import.meta.dirname, '../../docs/how-to/terminal.md'), 'utf8');
    const commands = page.split('\n').filter((line) => line.startsWith('kernelet '));
    /** What is typed into what each command opens, and what then shows. */
    const dialogues: readonly (readonly [
      command: RegExp,
      ...steps: readonly (readonly [shows: RegExp, keys: string])[],
    ])[] = [
      [/^kernelet shell \$id$/, [/[$#] $/, 'exit\r']],
      [/^kernelet exec -it .* python3 -q$/, [/>>> $/, '6 * 7\r'], [/42\r\n>>> $/, '\x10\x11']],
      [/^kernelet run -it/, [/[$#] $/, 'exit\r']],
      [/^kernelet processes/, [/calculator/, '']],
      [/^kernelet attach/, [/42\r\n>>> $/, 'exit()\r']],
      [/^kernelet exec -dt/, [/build\r\n/, '']],
    ];
    await terminal.line('id=$ID');
    const told: string[] = [];
    for (const command of commands) {
      const [, ...steps] = dialogues.find(([form]) => form.test(command.replace(/ +#.*$/, ''))) ?? [];
      told.push(steps.length > 0 ? command : `nobody tries: ${command}`);
      await terminal.line(command.replace(/ +#.*$/, ''));
      for (const [shows, keys] of steps) {
        await terminal.shows(shows);
        if (keys !== '') await terminal.type(keys);
      }
    }
    await terminal.shows(/\$ $/);
    expect(told).toEqual(commands);
    expect(await settings()).toBe(usual);
  });
});

it('without a terminal, one that is asked for is refused with what to do', async () => {
  for (const args of [
    ['exec', '-it', id, '--', 'true'],
    ['shell', id],
    ['run', '-it', '-c', '1'],
  ]) {
    const { status, stderr } = await node.run(args);
    expect([status, stderr], args.join(' ')).toEqual([2, expect.stringMatching(/standard input is none/)]);
  }
});
