import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DriverHarness, median, quiet } from '../../../test/support/driver-harness.ts';

const command = ['python3', `${import.meta.dirname}/python_driver.py`];
let python: DriverHarness;
beforeAll(async () => {
  python = await DriverHarness.start(command);
});
afterAll(() => python[Symbol.dispose]());

describe('values and state', () => {
  test('state is kept and the last value is shown', async () => {
    expect(await python.query('import math\nx = 20\ndef twice(n):\n    return 2 * n')).toEqual(quiet);
    expect(await python.query('print("first")\ntwice(x) + 2')).toEqual({ ...quiet, stdout: 'first\n', value: '42' });
    expect(await python.query('_ + 1')).toEqual({ ...quiet, value: '43' });
  });

  test.each(['x = 1', 'None', '"hidden";', '', '# only a comment', '\n\n', 'if True:\n    5'])(
    '%j shows nothing',
    async (code) => {
      expect(await python.query(code)).toEqual(quiet);
    },
  );

  test('user code is __main__, with what it needs to pickle and to read its own source', async () => {
    await python.query('class Point:\n    def norm(self):\n        return 1\n');
    const told = await python.query(
      'import inspect, pickle, sys\n' +
        'print(__name__, sys.argv, sys.path[0] == "", "driver" in globals())\n' +
        'print(type(pickle.loads(pickle.dumps(Point()))) is Point)\nprint(inspect.getsource(Point.norm), end="")',
    );
    expect(told).toEqual({
      ...quiet,
      stdout: "__main__ [''] True False\nTrue\n    def norm(self):\n        return 1\n",
    });
  });

  test('await works at the top', async () => {
    const told = await python.query(
      'import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 9\nawait f()',
    );
    expect(told).toEqual({ ...quiet, value: '9' });
  });

  test('a future statement holds for later queries', async () => {
    await python.query('from __future__ import annotations');
    expect(await python.query('def f(a: nowhere): pass\nf.__annotations__')).toMatchObject({
      value: "{'a': 'nowhere'}",
    });
  });

  test('text of every kind passes unharmed', async () => {
    const text = 'é ☃ 🎉 \u0000 \u0001 "quoted" \\ end';
    expect((await python.query(`len(${JSON.stringify(text).replace('🎉', '\\U0001F389')})`)).value).toBe('24');
    expect((await python.query('"é☃🎉\\0\\ud800"')).value).toBe("'é☃🎉\\x00\\ud800'");
    expect((await python.query('print("é☃🎉")')).stdout).toBe('é☃🎉\n');
  });
});

describe('input', () => {
  test('input and getpass ask, and the answer comes back', async () => {
    const told = await python.query(
      'print("a", end="")\nn = input("name? ")\nimport getpass\np = getpass.getpass()\n[n, p]',
      {
        answers: ['Ada é\n', 'secret'],
      },
    );
    expect(told).toEqual({
      ...quiet,
      stdout: 'a',
      value: "['Ada é', 'secret']",
      events: [
        { ev: 'input', prompt: 'name? ', password: false },
        { ev: 'input', prompt: 'Password: ', password: true },
      ],
    });
  });

  test('the end of the input is the end of a file, each time', async () => {
    const told = await python.query('try:\n    input("a")\nexcept EOFError as e:\n    print(e)\ninput("b")');
    expect(told).toMatchObject({ stdout: 'EOF when reading a line\n', exitCode: 1 });
    expect(told.error?.traceback).toMatch(/input\("b"\)\n(.*\^\n)?EOFError: EOF when reading a line\n$/);
    expect(told.error?.traceback).not.toContain('driver');
  });

  test('standard input itself is at its end', async () => {
    expect(await python.query('import sys; print(repr(sys.stdin.read())); sys.stdin.readline()')).toMatchObject({
      stdout: "''\n",
      value: "''",
    });
  });

  test('an interrupt ends the wait; the answer that comes too late is nobody’s', async () => {
    const told = await python.query('input("? ")', { interruptAt: 'input' });
    expect(told).toMatchObject({ exitCode: 130, error: { name: 'KeyboardInterrupt' } });
    expect(told.error?.traceback).toMatch(/KeyboardInterrupt\n$/);
    expect(told.error?.traceback).not.toContain('channel.py');
    python.send({ op: 'input', text: 'late' });
    expect(await python.query('5')).toEqual({ ...quiet, value: '5' });
  });
});

describe('interrupts', () => {
  test.each(['import time; time.sleep(60)', 'while True: pass', 'import asyncio; await asyncio.sleep(60)'])(
    '%s is interrupted with 130',
    async (code) => {
      const told = await python.query(`print("go")\n${code}`, { interruptAt: 'go' });
      expect(told).toMatchObject({
        exitCode: 130,
        error: { traceback: expect.stringMatching(/^Traceback[\s\S]*KeyboardInterrupt/) },
      });
      expect((await python.query('1 + 1')).value).toBe('2');
    },
  );

  test('user code may catch it', async () => {
    const code =
      'import time\ntry:\n    print("go")\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print("caught")';
    expect(await python.query(code, { interruptAt: 'go' })).toEqual({ ...quiet, stdout: 'go\ncaught\n' });
  });

  test('between queries it does nothing', async () => {
    python.interrupt();
    python.interrupt();
    expect(await python.query('2')).toEqual({ ...quiet, value: '2' });
  });

  test('a hundred interrupts at any moment leave the protocol whole', async () => {
    await python.query('class Html:\n    def _repr_html_(self): return "<i>" * 1000');
    const stop = setInterval(() => python.interrupt(), 1);
    for (let round = 0; round < 40; round += 1) {
      expect([0, 130]).toContain(await python.status('for _ in range(20): display(Html())'));
    }
    clearInterval(stop);
    expect((await python.query('3')).value).toBe('3');
  });
});

describe('processes and output', () => {
  test('children and native code print in order with Python', async () => {
    const code =
      'import os, subprocess\nprint("1")\nsubprocess.run(["echo", "2"])\nprint("3")\nos.system("echo 4")\nos.write(1, b"5\\n")\nprint("6")';
    expect((await python.query(`${code}\nNone`)).stdout).toBe('1\n2\n3\n4\n5\n6\n');
  });

  test('a forked child that comes back says nothing to the runner', async () => {
    const told = await python.query(
      'import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)\nprint("child" if pid == 0 else "parent")\npid == 0',
    );
    expect(told).toEqual({ ...quiet, stdout: 'child\nTrue\nparent\n', value: 'False' });
  });

  test('multiprocessing works with functions of the query', async () => {
    await python.query('import multiprocessing as mp\ndef square(n): return n * n');
    expect(
      (await python.query('with mp.get_context("fork").Pool(2) as pool: print(pool.map(square, [1, 2, 3]))')).stdout,
    ).toBe('[1, 4, 9]\n');
  });

  test('children inherit neither the channel nor an ignored SIGINT', async () => {
    const code =
      'import os, signal\nos.system("ls -l /proc/self/fd | tail -n +5 | grep -c socket; grep SigIgn /proc/self/status")';
    const [descriptors, ignored] = (await python.query(`${code};`)).stdout.split('\n');
    expect(Number(descriptors)).toBe(0);
    expect(BigInt(`0x${ignored?.split(/\s+/)[1]}`) & 2n).toBe(0n);
  });

  test('50 MB come whole, and what is printed without a newline too', async () => {
    const told = await python.query('line = "x" * 99\nfor _ in range(500_000): print(line)\nprint("end", end="")');
    expect(told.stdout.length).toBe(50_000_003);
    expect(told.stdout.endsWith('x\nend')).toBe(true);
  });
});

describe('completion', () => {
  test('modules where one is imported, without importing any', async () => {
    expect(await python.complete('import mailb')).toEqual(['mailbox']);
    expect(await python.complete('x = 1\nimport os, mailb')).toEqual(['mailbox']);
    expect(await python.complete('from wsgiref.simp')).toEqual(['wsgiref.simple_server']);
    expect(await python.complete('import mat')).toContain('math');
    expect(await python.complete('import os as mailb')).toEqual([]);
    expect(await python.complete('import nowhere.x')).toEqual([]);
    const loaded = await python.query('import sys; [name in sys.modules for name in ("mailbox", "wsgiref")]');
    expect(loaded.value).toBe('[False, False]');
  });

  test('names, keywords and attributes, with the whole dotted name', async () => {
    await python.query('import os\nfoobar = {"a": 1}');
    expect(await python.complete('foo')).toEqual(['foobar']);
    expect(await python.complete('print(os.pat', 12)).toEqual([
      'os.path',
      'os.pathconf',
      'os.pathconf_names',
      'os.pathsep',
    ]);
    expect(await python.complete('foobar.ke tail', 9)).toEqual(['foobar.keys']);
    expect(await python.complete('nonl')).toEqual(['nonlocal']);
    expect(await python.complete('unknown.x')).toEqual([]);
    expect(await python.complete('foobar.__le')).toEqual(['foobar.__le__', 'foobar.__len__']);
    expect(await python.complete('')).toContain('foobar');
  });
});

test('a trivial query takes about a millisecond', async () => {
  const durations: number[] = [];
  for (let round = 0; round < 200; round += 1) {
    const before = performance.now();
    await python.status('1');
    durations.push(performance.now() - before);
  }
  expect(median(durations)).toBeLessThan(5);
});
