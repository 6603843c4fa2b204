import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DriverHarness, quiet } from '../../../test/support/driver-harness.ts';

const command = ['python3', `${import.meta.dirname}/python_driver.py`];
let python: DriverHarness;
beforeAll(async () => {
  python = await DriverHarness.start(command);
});
afterAll(() => python[Symbol.dispose]());

describe('ends', () => {
  test('an exception has its traceback without the driver, and status 1', async () => {
    await python.query('def boom():\n    raise ValueError("no")');
    const told = await python.query('y = 7\nboom()');
    expect(told.exitCode).toBe(1);
    expect(told).toMatchObject({ stderr: '', error: { name: 'ValueError', message: 'no' } });
    const { traceback = '' } = told.error ?? {};
    expect(traceback).toMatch(
      /^Traceback \(most recent call last\):\n {2}File "<query \d+>", line 2, in <module>\n {4}boom\(\)\n/,
    );
    expect(traceback).toMatch(/line 2, in boom\n {4}raise ValueError\("no"\)\nValueError: no\n$/);
    expect(traceback).not.toContain('driver');
    expect((await python.query('y')).value).toBe('7');
  });

  test('a chained exception shows both, and source lines are there for traceback.print_exc', async () => {
    const told = await python.query('try:\n    boom()\nexcept ValueError as e:\n    raise KeyError("k") from e');
    expect(told).toMatchObject({ error: { name: 'KeyError', message: "'k'" } });
    expect(told.error?.traceback).toContain('direct cause');
    const printed = await python.query(
      'import traceback\ntry:\n    1 / 0\nexcept Exception:\n    traceback.print_exc()',
    );
    expect(printed.stderr).toContain('    1 / 0\n');
  });

  test('a syntax error shows the place and runs nothing', async () => {
    const told = await python.query('print("never")\ndef f(:');
    expect(told).toMatchObject({ stdout: '', exitCode: 1 });
    expect(told.error?.name).toBe('SyntaxError');
    expect(told.error?.traceback).toMatch(/^ {2}File "<query \d+>", line 2\n {4}def f\(:\n.*\^.*\nSyntaxError: /);
  });

  test.each([
    ['import sys; sys.exit(3)', 3, ''],
    ['sys.exit()', 0, ''],
    ['sys.exit(0)', 0, ''],
    ['sys.exit(-1)', 255, ''],
    ['sys.exit("bye")', 1, 'bye\n'],
    ['exit(4)', 4, ''],
    ['raise SystemExit', 0, ''],
  ])('%s ends with %i and keeps the state', async (code, exitCode, stderr) => {
    await python.query('x = 5');
    expect(await python.query(code)).toEqual({ ...quiet, exitCode, stderr });
    expect((await python.query('x')).value).toBe('5');
    expect((await python.query('import sys; sys.stdin.read()')).value).toBe("''");
  });

  test('os._exit and a fault are the end of the process, with what was printed before', async () => {
    using exiting = await DriverHarness.start(command);
    expect(await exiting.query('import os; print("a"); os._exit(5)')).toEqual({ ...quiet, stdout: 'a\n', exitCode: 5 });
    using faulty = await DriverHarness.start(command);
    expect(await faulty.query('import os, signal; os.kill(os.getpid(), signal.SIGSEGV)')).toMatchObject({
      exitCode: -11,
    });
  });

  test('a query that empties sys.modules does not end the driver', async () => {
    using emptied = await DriverHarness.start(command);
    expect(await emptied.query('import sys; sys.modules.clear()')).toEqual(quiet);
    expect(await emptied.query('1 + 1')).toEqual({ ...quiet, value: '2' });
  });

  test('a query that closes all standard descriptors keeps its state, and the next one prints', async () => {
    using closed = await DriverHarness.start(command);
    expect(
      await closed.query('import os; x = 5\nfor i in range(10):\n  try: os.close(i)\n  except OSError: pass'),
    ).toEqual(quiet);
    expect(await closed.query('print(x)')).toEqual({ ...quiet, stdout: '5\n' });
    expect(await closed.query('[os.close(i) for i in (1, 2)]')).toEqual({ ...quiet, value: '[None, None]' });
    expect((await closed.query('print(x); x / 0')).stdout).toBe('5\n');
  });

  test.each(['import os; os.close(250)', 'import os; os.closerange(3, 1000)'])(
    '%j, which takes the channel away, is the end of the process, told in one sentence',
    async (code) => {
      using closed = await DriverHarness.start(command);
      const told = await closed.query(`print("before")\n${code}`);
      expect(told).toMatchObject({ stdout: 'before\n', exitCode: 1 });
      expect(told.stderr).toMatch(/^kernelet: the program closed descriptor \d+, .*: its variables are lost\n$/);
    },
  );

  test.each([
    ['import sys; sys.stdout.close(); sys.stderr.close()', 0, null],
    ['import sys; del sys.stdout, sys.stderr, sys.stdin', 0, null],
    ['import sys; sys.stdout = open("/dev/full", "w"); print("x")', 0, null],
    ['import os; os.dup2(os.open("/dev/full", os.O_WRONLY), 1); print("x")', 1, 'OSError'],
    ['import sys; sys.stderr = open("/dev/full", "w"); 1 / 0', 1, 'ZeroDivisionError'],
    ['import sys; sys.stderr = None; 1 / 0', 1, 'ZeroDivisionError'],
    ['class E:\n  def __str__(self): raise ValueError("s")\nimport sys; sys.exit(E())', 1, null],
    ['class E(Exception):\n  def __str__(self): raise ValueError("s")\nraise E', 1, 'E'],
    ['import builtins; builtins.__import__ = None; 1 / 0', 1, 'ZeroDivisionError'],
    ['held = []\nwhile True: held.append(open("/dev/null"))', 1, 'OSError'],
    ['import os\nwhile True: os.open("/dev/null", 0)', 1, 'OSError'],
  ])('%j leaves a driver that answers and tells of errors', async (code, exitCode, name) => {
    using harmed = await DriverHarness.start(command);
    await harmed.query('x = 5');
    const { error, ...told } = await harmed.query(code);
    expect([told.exitCode, error?.name ?? null]).toEqual([exitCode, name]);
    expect(await harmed.query('x')).toMatchObject({ value: '5', exitCode: 0 });
    expect(await harmed.query('x / 0')).toMatchObject({ error: { name: 'ZeroDivisionError' }, exitCode: 1 });
  });

  test('a program that has used up its descriptors has its traceback all the same', async () => {
    using harmed = await DriverHarness.start(command);
    const { error } = await harmed.query('held = []\nwhile True: held.append(open("/dev/null"))');
    expect(error?.message).toContain('Too many open files');
    expect(error?.traceback).toMatch(/^Traceback .*\n {2}File "<query 1>", line 2, in <module>\n/);
    expect(await harmed.query('del held')).toEqual(quiet);
    expect((await harmed.query('import wave')).exitCode).toBe(0);
  });

  test('a hook of the program’s own tells of errors in its own way', async () => {
    using hooked = await DriverHarness.start(command);
    await hooked.query('import sys; sys.excepthook = lambda kind, error, trace: print("mine", file=sys.stderr)');
    const error = { name: 'KeyError', message: "'k'", traceback: '' };
    expect(await hooked.query('{}["k"]')).toEqual({ ...quiet, stderr: 'mine\n', error, exitCode: 1 });
  });

  test('a traceback of megabytes is output', async () => {
    const { error, stderr } = await python.query('raise ValueError("x" * 2_000_000)');
    expect(error).toEqual({ name: 'ValueError', message: 'x'.repeat(4096), traceback: '' });
    expect([stderr.length > 2_000_000, stderr.slice(-2)]).toEqual([true, 'x\n']);
  });

  test('what C code prints comes with its query, whole lines in their place', async () => {
    using mixed = await DriverHarness.start(command);
    await mixed.query('import ctypes; libc = ctypes.CDLL(None)');
    const code = 'libc.puts(b"1"); print(2); libc.puts(b"3"); _ = libc.printf(b"4")';
    expect(await mixed.query(code)).toEqual({ ...quiet, stdout: '1\n2\n3\n4' });
  });

  test('the end of the channel ends the process as a program ends', async () => {
    using ending = await DriverHarness.start(command);
    await ending.query('import atexit, os; atexit.register(lambda: os.write(1, b"bye"))');
    expect(await ending.end()).toBe(0);
  });
});
