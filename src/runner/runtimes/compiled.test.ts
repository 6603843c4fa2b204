import { chmodSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PlanHome, showsItself } from '../../../test/support/plan-home.ts';
import { c } from './c.ts';
import { golang } from './golang.ts';
import { rust } from './rust.ts';

let place: PlanHome;
beforeEach(() => {
  place = new PlanHome();
});
afterEach(() => place[Symbol.dispose]());

/** Says its words, and makes a program of what stands behind `-o` that says its own and what it reads. */
const compiler = `printf '%s\\n' "\${0##*/} $*"
while [ $# -gt 0 ]; do if [ "$1" = -o ]; then out=$2; fi; shift; done
printf '#!/bin/sh\\necho "ran $*"; cat; exit 5\\n' >"$out"; chmod +x "$out"`;

test.each([
  {
    runtime: golang,
    tool: 'go',
    file: 'go build -o H/.kernelet-1.out ./-x.go',
    code: 'go build -o H/.kernelet-1.out H/.kernelet-2/main.go',
    query: 'go build -o H/.kernelet-2.out H/.kernelet-1/main.go',
    left: [],
  },
  {
    runtime: rust,
    tool: 'rustc',
    file: 'rustc --crate-name main -o H/.kernelet-1.out ./-x.rs',
    code: 'rustc --crate-name main -o H/.kernelet-1.out H/.kernelet-2.rs',
    query: 'rustc --crate-name main -o ./main H/.kernelet-1.rs',
    left: ['main'],
  },
  {
    runtime: c,
    tool: 'gcc',
    file: 'gcc -x c ./-x.c -x none -o H/.kernelet-1.out -lrt -lm -lpthread -ldl',
    code: 'gcc -x c H/.kernelet-2.c -x none -o H/.kernelet-1.out -lrt -lm -lpthread -ldl',
    query: 'gcc -Wall -x c H/.kernelet-1.c -x none -o ./main -lrt -lm -lpthread -ldl',
    left: ['main'],
  },
])('$runtime.type builds what it runs, with its own status, and leaves no source', (language) => {
  const { runtime, tool, file, code, query, left } = language;
  const path = place.tool(tool, compiler);
  const context = () => place.context({ tool: path });
  const expected = (command: string, ran: string) => ({
    status: 5,
    stdout: `${command.replaceAll('H/', `${place.home}/`)}\n${ran}`,
    stderr: '',
  });
  const ending = file.split('./-x')[1]?.split(' ')[0] ?? '';
  const run = (source: Parameters<typeof runtime.program>[0], input = '') =>
    place.carryOut(runtime.program(source, ['a b'], context()), input);
  expect(run({ from: 'file', path: `-x${ending}` }, 'typed')).toEqual(expected(file, 'ran a b\ntyped'));
  expect(run({ from: 'code', code: 'x' }, 'typed')).toEqual(expected(code, 'ran a b\ntyped'));
  // The program itself came on standard input, which is at its end.
  expect(run({ from: 'stdin' }, 'source')).toEqual(expected(code, 'ran a b\n'));
  expect(place.carryOut(runtime.query.plan('x', context()))).toEqual(expected(query, 'ran \n'));
  expect(place.files).toEqual(left);
});

test('a batch of Go builds its module, else the files of the home without tests, and runs ./main', () => {
  const context = place.context({ tool: place.tool('go', showsItself) });
  const build = () => place.carryOut(golang.build(context));
  place.put('a.go', '');
  expect(build()).toMatchObject({ status: 127, stderr: 'kernelet: no Makefile, go.mod or main.go to build\n' });
  for (const path of ['main.go', '-odd name.go', 'a_test.go', 'sub/b.go']) place.put(path, '');
  expect(build().stdout).toBe('go\nbuild\n-o\nmain\n./-odd name.go\n./a.go\n./main.go\n');
  place.put('go.mod', '');
  expect(build().stdout).toBe('go\nbuild\n-o\nmain\n.\n');
  expect(place.carryOut(golang.exec(context))).toMatchObject({
    status: 127,
    stderr: expect.stringContaining('no main'),
  });
  chmodSync(place.put('main', '#!/bin/sh\necho ran; exit 3'), 0o755);
  expect(place.carryOut(golang.exec(context))).toMatchObject({ status: 3, stdout: 'ran\n' });
});

test('Go’s packages and programs are those of the home', () => {
  expect(golang.environ(place.context({ home: '/home/work' }))).toEqual({
    GOPATH: '/home/work',
    PATH: '/home/work/bin:/usr/local/go/bin:/go/bin:/usr/bin:/bin',
  });
});

test('a batch of Rust builds its project by Cargo, else main.rs, and runs what came of it', () => {
  const tool = place.tool('rustc', showsItself);
  const context = place.context({ tool });
  const build = () => place.carryOut(rust.build(context));
  expect(build()).toMatchObject({ status: 127, stderr: 'kernelet: no Makefile, Cargo.toml or main.rs to build\n' });
  place.put('main.rs', '');
  expect(build().stdout).toBe('rustc\n-o\nmain\nmain.rs\n');
  place.put('Cargo.toml', '');
  expect(build()).toMatchObject({ status: 127, stderr: expect.stringContaining('no cargo') });
  place.tool('cargo', showsItself);
  expect(place.carryOut(rust.build(context)).stdout).toBe('cargo\nbuild\n');

  const exec = () => place.carryOut(rust.exec(context));
  expect(exec()).toMatchObject({ status: 127, stderr: expect.stringContaining('no ./main') });
  for (const [path, text] of [
    ['main', 'rustc'],
    ['target/release/app', 'release'],
    ['target/debug/app', 'debug'],
  ] as const) {
    chmodSync(place.put(path, `#!/bin/sh\necho ${text}`), 0o755);
    place.put('target/debug/app.d', '');
    chmodSync(place.put('target/debug/aaa.so', ''), 0o755);
    expect(exec().stdout).toBe(`${text}\n`);
  }
});
