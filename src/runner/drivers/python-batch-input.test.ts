import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

let folder: string;
let server: Server | null = null;
const asked: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kernelet-input-'));
  asked.length = 0;
});
afterEach(async () => {
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(null)));
  server = null;
  rmSync(folder, { recursive: true, force: true });
});

/** Answers as the runner does: reads one line, writes the text in two pieces, closes. */
async function listen(answer: string): Promise<void> {
  server = createServer((connection) => {
    connection.once('data', (line) => {
      asked.push(line.toString());
      connection.write(answer.slice(0, 2));
      setTimeout(() => connection.end(answer.slice(2)), 20);
    });
  });
  await new Promise<void>((resolve) => server?.listen(join(folder, 'input.sock'), resolve));
}

function run(code: string, environ: Record<string, string> = {}): Promise<{ stdout: string; stderr: string }> {
  const child = spawn('python3', ['-c', code], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: `/usr/bin:/bin:${process.env['PATH']}`,
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONPATH: `${import.meta.dirname}/python`,
      KERNELET_USER_INPUT: join(folder, 'input.sock'),
      ...environ,
    },
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    said.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said.stderr += chunk;
  });
  return new Promise((resolve) => child.on('close', () => resolve(said)));
}

const batch = { _BACKEND_BATCH_MODE: '1' };

test('input asks the runner and reads up to the end', async () => {
  await listen('Ada é\n');
  expect(await run('print([input("name? ")])', batch)).toEqual({ stdout: "name? ['Ada é']\n", stderr: '' });
  expect(asked).toEqual(['{"prompt": "", "password": false, "line": true}\n']);
});

test('an empty line is an empty answer, and nothing is the end of the input', async () => {
  await listen('\n');
  expect((await run('print([input()])', batch)).stdout).toBe("['']\n");
  await new Promise((resolve) => server?.close(resolve));
  await listen('');
  expect((await run('input()', batch)).stderr).toMatch(/EOFError: EOF when reading a line\n$/);
});

test('getpass says that it is secret', async () => {
  await listen('secret');
  expect((await run('import getpass; print(getpass.getpass())', batch)).stdout).toBe('Password: secret\n');
  expect(asked).toEqual(['{"prompt": "", "password": true, "line": true}\n']);
});

test('without a runner, or out of batch mode, standard input is read', async () => {
  for (const environ of [batch, {}]) {
    expect((await run('input("? ")', environ)).stderr).toMatch(/EOFError/);
  }
});

test('a sitecustomize of the user’s runs too, whether it comes before or after', async () => {
  await listen('typed');
  mkdirSync(join(folder, 'theirs'));
  writeFileSync(join(folder, 'theirs/sitecustomize.py'), 'import builtins\nbuiltins.theirs = __file__');
  const ours = `${import.meta.dirname}/python`;
  const after = await run('print(theirs, input())', { ...batch, PYTHONPATH: `${ours}:${join(folder, 'theirs')}` });
  expect(after).toEqual({ stdout: `${join(folder, 'theirs/sitecustomize.py')} typed\n`, stderr: '' });
  const before = await run('print(theirs)', { ...batch, PYTHONPATH: `${join(folder, 'theirs')}:${ours}` });
  expect(before.stdout).toBe(`${join(folder, 'theirs/sitecustomize.py')}\n`);
});
