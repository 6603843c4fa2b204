/** Carries the scripts of batch plans out, with a compiler made of shell that joins what it is given. */
import { chmodSync, existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PlanHome } from '../../../test/support/plan-home.ts';
import { c, cpp } from './c.ts';
import { python } from './python.ts';

let place: PlanHome;
beforeEach(() => {
  place = new PlanHome();
});
afterEach(() => place[Symbol.dispose]());

/** `-c` copies the source, linking joins the objects into a script; a source with the word `wrong` fails with 3. */
const compiler = (): string =>
  place.tool(
    'cc',
    `inputs= compile= out=
while [ $# -gt 0 ]; do
  case $1 in -c) compile=1;; -o) out=$2; shift;; -x) shift;; -*) ;; *) inputs="$inputs '$1'";; esac
  shift
done
eval "set -- $inputs"
if grep -q wrong "$@"; then echo "error: wrong" >&2; exit 3; fi
if [ -z "$compile" ]; then echo '#!/bin/sh' > "$out"; fi
cat "$@" >> "$out" && chmod +x "$out"`,
  );

test('sources of one name in several folders are all built, and odd names too', () => {
  place.put('main.c', 'echo main\n');
  place.put('a/part.c', 'echo a\n');
  place.put('b/part.c', 'echo b\n');
  place.put('b/new\nline -rf.c', 'echo odd\n');
  place.put('b/other.cpp', 'echo not C\n');
  symlinkSync('..', join(place.home, 'a', 'loop'));
  const built = place.carryOut(c.build(place.context({ tool: compiler() })));
  expect(built).toEqual({ status: 0, stdout: '', stderr: '' });
  const ran = place.carryOut(c.exec(place.context()));
  expect(ran.stdout.split('\n').filter(Boolean).sort()).toEqual(['a', 'b', 'main', 'odd']);
  expect(place.files).toEqual(['a', 'b', 'main', 'main.c']);
});

test('a compiler that fails ends the build with its status, and nothing is linked or left', () => {
  place.put('main.cpp', 'wrong');
  const built = place.carryOut(cpp.build(place.context({ tool: compiler() })));
  expect(built).toEqual({ status: 3, stdout: '', stderr: 'error: wrong\n' });
  expect(place.files).toEqual(['main.cpp']);
});

test('no source and no Makefile is 127 with a reason', () => {
  const built = place.carryOut(c.build(place.context({ tool: compiler() })));
  expect(built).toMatchObject({ status: 127, stderr: expect.stringContaining('no C source (.c)') });
});

test('a Makefile comes before everything, with make’s own status', () => {
  place.put('Makefile', 'all:\n');
  place.put('main.c', 'echo main\n');
  place.tool('make', 'echo "made $*"; exit 5');
  for (const plan of [
    c.build(place.context({ tool: compiler() })),
    c.build(place.context()),
    python.build(place.context()),
  ]) {
    expect(place.carryOut(plan)).toMatchObject({ status: 5, stdout: 'made \n' });
  }
  expect(place.carryOut(c.clean(place.context()))).toMatchObject({ status: 5, stdout: 'made clean\n' });
});

test('without a Makefile there is nothing to clean, which is a success', () => {
  expect(place.carryOut(c.clean(place.context()))).toMatchObject({
    status: 0,
    stderr: expect.stringContaining('nothing to clean'),
  });
});

test('exec takes ./main, else ./a.out, else says 127', () => {
  expect(place.carryOut(c.exec(place.context()))).toMatchObject({
    status: 127,
    stderr: expect.stringContaining('./a.out'),
  });
  for (const [name, text] of [
    ['a.out', 'echo out; exit 4'],
    ['main', 'echo "$_BACKEND_BATCH_MODE"'],
  ] as const) {
    chmodSync(place.put(name, `#!/bin/sh\n${text}`), 0o755);
    const expected = name === 'main' ? { status: 0, stdout: '1\n' } : { status: 4, stdout: 'out\n' };
    expect(place.carryOut(c.exec(place.context()))).toMatchObject(expected);
  }
});

test('a program is compiled, run with its arguments and input, and removed', () => {
  const program = c.program(
    { from: 'code', code: 'echo "$1-$2"; cat; exit 7' },
    ['x', '-y'],
    place.context({ tool: compiler() }),
  );
  expect(place.carryOut(program, 'typed')).toEqual({ status: 7, stdout: 'x--y\ntyped', stderr: '' });
  place.put('-odd.c', 'echo "$#"');
  const file = c.program({ from: 'file', path: '-odd.c' }, [], place.context({ tool: compiler() }));
  expect(place.carryOut(file)).toMatchObject({ status: 0, stdout: '0\n' });
  expect(place.files).toEqual(['-odd.c']);
});

test('a program that does not compile is not run', () => {
  const program = c.program({ from: 'code', code: 'wrong' }, [], place.context({ tool: compiler() }));
  expect(place.carryOut(program)).toEqual({ status: 3, stdout: '', stderr: 'error: wrong\n' });
});

test('a program that comes on standard input is compiled from there, and finds its input at the end', () => {
  const program = cpp.program({ from: 'stdin' }, ['a b'], place.context({ tool: compiler() }));
  const told = place.carryOut(program, 'echo "got $1"; cat');
  expect(told).toEqual({ status: 0, stdout: 'got a b\n', stderr: '' });
  expect(place.files).toEqual([]);
});

test('a query leaves ./main and removes its source', () => {
  const query = c.query.plan('echo asked', place.context({ tool: compiler() }));
  expect(place.carryOut(query)).toMatchObject({ status: 0, stdout: 'asked\n' });
  expect(place.files).toEqual(['main']);
});

test('Python’s build installs a project, and its exec wants main.py', () => {
  const pythonTool = place.tool('py', 'echo "$@"');
  expect(place.carryOut(python.exec(place.context({ tool: pythonTool })))).toMatchObject({ status: 127 });
  place.put('main.py', '');
  place.put('setup.py', '');
  expect(place.carryOut(python.exec(place.context({ tool: pythonTool })))).toMatchObject({
    status: 0,
    stdout: 'main.py\n',
  });
  const built = place.carryOut(python.build(place.context({ tool: pythonTool })));
  expect(built).toMatchObject({ status: 0, stdout: '-m pip install --user -e .\n' });
  expect(existsSync(join(place.home, 'main'))).toBe(false);
});
