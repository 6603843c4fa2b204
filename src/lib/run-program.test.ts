import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { runProgram } from './run-program.ts';

it.each([
  [
    ['-c', 'cat; echo bad >&2; exit 3'],
    { input: 'in', maxOutputBytes: 10 },
    { exitCode: 3, stdout: 'in', stderr: 'bad' },
  ],
  [['-c', 'echo 123456789'], { maxOutputBytes: 4 }, { exitCode: 0, stdout: '1234', stderr: '' }],
  [['-c', 'kill -9 $$'], {}, { exitCode: -1, stdout: '', stderr: '' }],
  [['-c', 'sleep 30'], { timeoutMs: 20 }, { exitCode: -1, stderr: 'it took longer than 20 ms' }],
  [
    ['-c', 'sleep 30'],
    { signal: AbortSignal.timeout(20) },
    { exitCode: -1, stderr: expect.stringContaining('timeout') },
  ],
  [['-c', 'echo $HOME$PATH | grep -c sbin'], { maxOutputBytes: 10 }, { exitCode: 0, stdout: '1\n' }],
])('a shell with %j and %j ends with %j', async (args, options, result) => {
  expect(await runProgram('sh', args, options)).toMatchObject(result);
});

it('ends what a program has started too, and is kept by nobody who holds its pipes', async () => {
  const began = performance.now();
  const { stdout } = spawnSync(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `import { runProgram } from ${JSON.stringify(import.meta.resolve('./run-program.ts'))};
       console.log((await runProgram('sh', ['-c', 'sleep 30 & sleep 30'], { timeoutMs: 100 })).stderr);`,
    ],
    { encoding: 'utf8' },
  );
  expect([stdout, performance.now() - began < 15_000]).toEqual(['it took longer than 100 ms\n', true]);
});

it('says that the arguments are too long for the system', async () => {
  expect(await runProgram('true', ['x'.repeat(2 ** 22)])).toMatchObject({
    exitCode: -1,
    stderr: expect.stringContaining('E2BIG'),
  });
});

it('says which program is missing', async () => {
  expect(await runProgram('kernelet-nothing', [])).toMatchObject({
    exitCode: -1,
    stderr: 'spawn kernelet-nothing ENOENT',
  });
});

// @promise descriptors
it('takes nothing down when this process has no descriptor left', () => {
  const program = `
    import { openSync } from 'node:fs';
    import { runProgram } from ${JSON.stringify(import.meta.resolve('./run-program.ts'))};
    import { removeTree } from ${JSON.stringify(import.meta.resolve('./folders.ts'))};
    try { for (;;) openSync('/dev/null'); } catch (error) { console.log(error.code); }
    console.log(JSON.stringify(await runProgram('cat', [], { input: 'x', maxOutputBytes: 5 })));
    console.log(await removeTree('/nonexistent').then(() => 'removed', (error) => error.message));
  `;
  const command = 'ulimit -n 64; exec "$0" --input-type=module --eval "$1"';
  const { stdout, status } = spawnSync('sh', ['-c', command, process.execPath, program], { encoding: 'utf8' });
  expect(stdout.trim().split('\n')).toEqual([
    'EMFILE',
    '{"exitCode":-1,"stdout":"","stderr":"spawn cat EMFILE"}',
    'rm ended with -1: spawn rm EMFILE',
  ]);
  expect(status).toBe(0);
});
