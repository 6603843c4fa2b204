import { afterEach, beforeEach, expect, test } from 'vitest';
import { PlanHome, showsItself } from '../../../test/support/plan-home.ts';
import type { Runtime } from '../runtime.ts';
import { haskell } from './haskell.ts';
import { julia } from './julia.ts';
import { lua } from './lua.ts';
import { octave } from './octave.ts';
import { php } from './php.ts';
import { r } from './r.ts';
import { scheme } from './scheme.ts';

let place: PlanHome;
beforeEach(() => {
  place = new PlanHome();
});
afterEach(() => place[Symbol.dispose]());

/** What the stand-in for a tool prints: its name and its words, with files by their names, and their text. */
interface Language {
  readonly runtime: Runtime;
  /** The tool that the image has, and the program that then runs files. */
  readonly tool: string;
  readonly program: string;
  readonly suffix: string;
  /** What stands around the file on the command line. */
  readonly before?: readonly string[];
  readonly after?: readonly string[];
  /** What stands between the file and arguments. */
  readonly separator?: readonly string[];
}

const languages: readonly Language[] = [
  { runtime: php, tool: 'php', program: 'php', suffix: '.php' },
  { runtime: lua, tool: 'lua5.4', program: 'lua5.4', suffix: '.lua' },
  { runtime: r, tool: 'R', program: 'Rscript', suffix: '.R' },
  { runtime: julia, tool: 'julia', program: 'julia', suffix: '.jl' },
  {
    runtime: octave,
    tool: 'octave-cli',
    program: 'octave-cli',
    suffix: '.m',
    before: ['--no-gui', '--no-history', '--quiet'],
  },
  { runtime: scheme, tool: 'guile', program: 'guile', suffix: '.scm', before: ['--no-auto-compile', '-s'] },
  { runtime: haskell, tool: 'ghc', program: 'runhaskell', suffix: '.hs' },
];

test.each(languages)('$runtime.type runs code, files and standard input by $program', (language) => {
  const { runtime, program, suffix, before = [], after = [], separator = [] } = language;
  const made = new Set([language.tool, program]);
  const [tool = ''] = [...made].map((name) => place.tool(name, showsItself));
  const context = place.context({ tool });
  const words = (file: string, args: readonly string[]): string =>
    [program, ...before, file, ...after, ...(args.length > 0 ? [...separator, ...args] : []), ''].join('\n');

  place.put(`-x${suffix}`, 'the file\n');
  const file = runtime.program({ from: 'file', path: `-x${suffix}` }, ['a b', '-c'], context);
  expect(place.carryOut(file)).toEqual({
    status: 0,
    stdout: `${words(`./-x${suffix}`, ['a b', '-c'])}the file\n`,
    stderr: '',
  });

  const code = place.carryOut(runtime.program({ from: 'code', code: 'the code\n' }, ['a'], context));
  expect(code.stdout).toMatch(/the code\n$/);
  expect(code.stdout.replace(/<\?php\n\n/, '')).toBe(`${words(`${place.home}/.kernelet-1${suffix}`, ['a'])}the code\n`);

  const typed = place.carryOut(runtime.program({ from: 'stdin' }, ['a'], context), 'typed\n');
  expect(typed.stdout).toBe(`${words(`${place.home}/.kernelet-2${suffix}`, ['a'])}typed\n`);

  const asked = runtime.query.by === 'jupyter' ? place.carryOut(runtime.query.plan('asked\n', context)) : null;
  expect(asked?.stdout).toMatch(/asked\n$/);
  expect(place.files).toEqual([`-x${suffix}`]);
});

test.each(languages.filter(({ runtime }) => runtime !== haskell))(
  'a batch of $runtime.type runs the file main$suffix by $program, and wants it',
  ({ runtime, tool, program, suffix, before = [], after = [] }) => {
    const [path = ''] = [...new Set([tool, program])].map((name) => place.tool(name, `${showsItself}\nexit 7`));
    const context = place.context({ tool: path });
    expect(place.carryOut(runtime.exec(context))).toMatchObject({
      status: 127,
      stderr: `kernelet: there is no main${suffix} to run\n`,
    });
    place.put(`main${suffix}`, 'main\n');
    expect(place.carryOut(runtime.exec(context))).toEqual({
      status: 7,
      stdout: [program, ...before, `main${suffix}`, ...after, 'main\n'].join('\n'),
      stderr: '',
    });
    expect(place.carryOut(runtime.build(context))).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('no Makefile'),
    });
  },
);

test('PHP’s code gets its opening tag where it has none', () => {
  const tool = place.tool('php', 'cat "$1"');
  const run = (code: string) => place.carryOut(php.query.plan(code, place.context({ tool }))).stdout;
  expect(run('echo 1;')).toBe('<?php\n\necho 1;');
  expect(run('\n<?php echo 1;')).toBe('\n<?php echo 1;');
  expect(run('<?= 1 ?>')).toBe('<?= 1 ?>');
});

test('MIT Scheme loads a file of any name, and ends at its end or at an error', () => {
  const tool = place.tool('mit-scheme', showsItself);
  const file = scheme.program({ from: 'file', path: 'a"b\\c.scm' }, ['x', '-y'], place.context({ tool }));
  const words = place.carryOut(file).stdout;
  expect(words).toMatch(/^mit-scheme\n--quiet\n--batch-mode\n--eval\n\(with-exception-handler\n/);
  expect(words).toContain('(load "a\\"b\\\\c.scm")');
  expect(words).toMatch(/\(exit 14\)[\s\S]*\(exit 0\)\)\)\n--eval\n\(exit 2\)\n--args\nx\n-y\n$/);
});

test('a tool of the label’s is found beside what the label names, else on PATH', () => {
  place.tool('Rscript', 'echo on PATH');
  const label = place.tool('other/R', '');
  expect(place.carryOut(r.query.plan('1', place.context({ tool: label }))).stdout).toBe('on PATH\n');
  place.tool('other/Rscript', 'echo beside');
  expect(place.carryOut(r.query.plan('1', place.context({ tool: label }))).stdout).toBe('beside\n');
  expect(r.query.plan('1', place.context({ tool: '/usr/bin/R', which: () => null }))).toMatchObject({ exitCode: 127 });
});

test('Julia finds packages of the image before its own, unless the session says where', () => {
  expect(julia.environ(place.context())).toEqual({
    JULIA_LOAD_PATH: '/opt/julia:/usr/local/julia:',
    PATH: '/opt/julia/bin:/usr/local/julia/bin:/usr/bin:/bin',
  });
  expect(julia.environ(place.context({ environ: { JULIA_LOAD_PATH: '@' } }))).toMatchObject({ JULIA_LOAD_PATH: '@' });
});

test('a batch of Haskell compiles the modules of all folders into ./main, which it runs', () => {
  const tool = place.tool('ghc', `${showsItself}; printf '#!/bin/sh\\necho ran' >main; chmod +x main`);
  const context = place.context({ tool });
  expect(place.carryOut(haskell.build(context))).toMatchObject({
    status: 127,
    stderr: 'kernelet: no Makefile and no Haskell source (.hs) to build\n',
  });
  for (const path of ['main.hs', 'A/B C.hs', '.hidden/Old.hs', 'notes.txt']) place.put(path, '');
  const [name, make, option, out, ...sources] = place.carryOut(haskell.build(context)).stdout.trim().split('\n');
  expect([name, make, option, out]).toEqual(['ghc', '--make', '-o', 'main']);
  expect(sources.sort()).toEqual(['./A/B C.hs', './main.hs']);
  expect(place.carryOut(haskell.exec(context))).toMatchObject({ status: 0, stdout: 'ran\n' });
  expect(place.carryOut(haskell.build(place.context())).stderr).toBe('kernelet: this image has no ghc\n');
});

test('Haskell’s tools of the image come first on PATH, the user’s before them', () => {
  const folders = (pattern: string) => [pattern.replace('*', '9.2')];
  expect(haskell.environ(place.context({ folders, home: '/home/work' }))).toEqual({
    PATH: '/home/work/.cabal/bin:/opt/ghc/9.2/bin:/opt/cabal/9.2/bin:/opt/alex/9.2/bin:/opt/happy/9.2/bin:/usr/bin:/bin',
  });
});
