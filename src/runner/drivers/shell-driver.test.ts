import { execFileSync } from 'node:child_process';
import { readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DriverHarness, quiet } from '../../../test/support/driver-harness.ts';

const driver = `${import.meta.dirname}/shell_driver.cjs`;

describe.each(['bash', 'sh'])('in %s', (name) => {
  let shell: DriverHarness;
  beforeAll(async () => {
    const withheld = { KERNELET_WITHHELD: '{"FOR_SHELL":"1"}' };
    shell = await DriverHarness.start([process.execPath, driver, `=${name}`], withheld);
  });
  afterAll(() => shell[Symbol.dispose]());

  test('variables, functions, the folder and the last status are kept', async () => {
    expect(await shell.query('x=5; cd /usr; f() { echo "f $1 $x"; }; set -- a b')).toEqual(quiet);
    expect((await shell.query('f 1; pwd; echo "$# $FOR_SHELL$KERNELET_WITHHELD"')).stdout).toBe('f 1 5\n/usr\n2 1\n');
    expect((await shell.query('(exit 7)')).exitCode).toBe(7);
    expect((await shell.query('echo $?')).stdout).toBe('7\n');
  });

  test('quotes, newlines and odd bytes arrive as they are', async () => {
    const code = `cat <<'EOF'\nit's "a" \\ \`b\` $c é 🎉\nEOF\nprintf '%s' 'no newline'`;
    expect((await shell.query(code)).stdout).toBe('it\'s "a" \\ `b` $c é 🎉\nno newline');
  });

  test('input is at its end, and programs inherit nothing of the driver', async () => {
    expect((await shell.query('cat; ls -l /proc/self/fd | tail -n +5 | grep -c socket')).stdout).toBe('0\n');
  });

  test.each([
    ['exit 3', 3],
    ['exec sh -c "exit 4"', 4],
    ['set -e; (exit 5); echo never', 5],
    ['kill -9 $$', 137],
  ])('%s ends the query with its status, and the next shell is fresh', async (code, exitCode) => {
    await shell.query('x=5');
    expect(await shell.query(code)).toEqual({ ...quiet, exitCode });
    expect(await shell.query('echo "[$x]"')).toEqual({ ...quiet, stdout: '[]\n' });
  });

  test.each(['if true; then', '"not closed', "echo 'not closed", '${', ')'])(
    'what is no shell code, like %s, says so, without a word of the driver',
    async (code) => {
      await shell.query('x=5');
      const told = await shell.query(code);
      expect(told).toMatchObject({ stdout: '', exitCode: expect.toSatisfy((status) => [1, 2].includes(status)) });
      expect(told.stderr).toMatch(/syntax error|unexpected|bad substitution|missing/i);
      expect(told.stderr).not.toContain('printf');
      // In other shells such an error is the end.
      expect((await shell.query('echo "on $x"')).stdout).toBe(name === 'bash' ? 'on 5\n' : 'on \n');
    },
  );

  test('a shell that was told to execute nothing is ended, and the next one does', async () => {
    expect(await shell.query('x=5; set -n')).toMatchObject({
      exitCode: 137,
      stderr: 'kernelet: the shell executes nothing any more (set -n) and is ended: its variables are lost\n',
    });
    expect((await shell.query('echo "[$x]"')).stdout).toBe('[]\n');
  });

  test('a shell that may have no more descriptors ends, and the next one executes', async () => {
    expect((await shell.query('ulimit -n 3; cat /etc/passwd')).exitCode).toBeGreaterThan(0);
    expect(await shell.query('echo on')).toEqual({ ...quiet, stdout: 'on\n' });
  });

  test('closed output, and output to a full disk, are the shell’s own affair', async () => {
    expect((await shell.query('exec 3>&1 >/dev/full; echo x')).exitCode).toBeGreaterThan(0);
    expect(await shell.query('exec >&-; (exit 5)')).toEqual({ ...quiet, exitCode: 5 });
    expect(await shell.query('exec >&3; echo on')).toEqual({ ...quiet, stdout: 'on\n' });
    await shell.query('exec 3>&-');
  });

  test('a query that waits for long, or reads what another writes, is left alone', async () => {
    const code = 'mkfifo f; (sleep 3; echo late > f) & read x < f; rm f; echo "$x"; sleep 3; echo on';
    expect(await shell.query(code)).toEqual({ ...quiet, stdout: 'late\non\n' });
  }, 20_000);

  test('a function with the name of a command of the driver’s is only the user’s', async () => {
    expect(await shell.query('printf() { echo mine; }; printf x')).toEqual({ ...quiet, stdout: 'mine\n' });
    expect(await shell.query('false; unset -f printf')).toEqual(quiet);
  });

  test('a background child does not hold the query', async () => {
    const before = performance.now();
    expect(await shell.query('sleep 30 & echo started')).toMatchObject({ stdout: 'started\n', exitCode: 0 });
    expect(performance.now() - before).toBeLessThan(5000);
  });

  test('an interrupt ends the query, and the next one runs', async () => {
    await shell.query('kept=yes; g() { echo "g $kept"; }; cd /usr');
    const told = await shell.query('echo go; sleep 60; echo never', { interruptAt: 'go' });
    expect(told).toMatchObject({ stdout: 'go\n', exitCode: 130 });
    expect((await shell.query('echo on')).stdout).toBe('on\n');
    if (name !== 'bash') return;
    expect((await shell.query('g; pwd')).stdout).toBe('g yes\n/usr\n');
    expect((await shell.query('echo go; while :; do :; done', { interruptAt: 'go' })).exitCode).toBe(130);
    expect((await shell.query('g')).stdout).toBe('g yes\n');
  });

  test('20 MB come whole', async () => {
    const told = await shell.query('head -c 20000000 /dev/zero | tr "\\\\0" x');
    expect(told.stdout.length).toBe(20_000_000);
  });

  test('bash completes commands, files and variables; others say that they cannot', async () => {
    await shell.query('my_long_name=1');
    const found = [await shell.complete('ech'), await shell.complete('echo $my_lo'), await shell.complete('ls /us')];
    expect(found).toEqual(name === 'bash' ? [['echo'], ['$my_long_name'], ['/usr']] : [[], [], []]);
  });
});

test('a bash that has used up its descriptors answers, and keeps its variables', async () => {
  using shell = await DriverHarness.start([process.execPath, driver, '=bash', '={}']);
  const open = 'for i in 3 4 5 6 7 8 9 {a} {b} {c}; do eval "exec $i</dev/null"; done';
  expect((await shell.query(`x=5; ulimit -n 14; ${open}; cat </etc/passwd`)).stderr).toContain('Too many open files');
  expect(await shell.query('echo "on $x"')).toEqual({ ...quiet, stdout: 'on 5\n' });
});

test('variables that a full disk could not take over an interrupt are said to be lost', async () => {
  using shell = await DriverHarness.start([process.execPath, driver, '=bash', '={}'], { TMPDIR: '.' });
  const [folder = ''] = readdirSync(shell.folder);
  symlinkSync('/dev/full', join(shell.folder, folder, 'state'));
  expect(await shell.query('x=5; echo go; sleep 60', { interruptAt: 'go' })).toMatchObject({
    stderr: 'kernelet: there is no room to keep the variables: they are lost\n',
    exitCode: 130,
  });
  expect(await shell.query('echo "[$x]"')).toEqual({ ...quiet, stdout: '[]\n' });
});

test('a driver without a descriptor for a new shell says so, and has one as soon as it can', async () => {
  using shell = await DriverHarness.start([process.execPath, driver, '=bash', '={}']);
  const limit = (descriptors: string): void =>
    void execFileSync('prlimit', ['-p', String(shell.pid), `-n${descriptors}`]);
  limit('10:4096');
  expect((await shell.query('exit 3')).exitCode).toBe(3);
  const told = await shell.query('echo 1');
  expect([told.exitCode, told.stderr]).toEqual([127, expect.stringContaining('bash does not start')]);
  limit('1024:4096');
  expect(await shell.query('echo 2')).toEqual({ ...quiet, stdout: '2\n' });
});

test('a shell that is not there is told for each query', async () => {
  using shell = await DriverHarness.start([process.execPath, driver, '=/nowhere/sh', '={}']);
  expect(await shell.query('echo 1')).toMatchObject({ exitCode: 127, stderr: expect.stringContaining('/nowhere/sh') });
});
