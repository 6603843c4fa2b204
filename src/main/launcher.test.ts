/**
 * `bin/kernelet` itself, with the real Node, in front of a program that says what it got: nothing of the caller's
 * arguments, environment and folder may have Node load or write anything.
 */
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle } from '../../scripts/bundle.mjs';

const source = resolve(import.meta.dirname, '..', '..');
const nodePackage = `node-linux-${process.arch}`;
const pinnedNode = join(source, 'node_modules', nodePackage, 'bin', 'node');
const run = promisify(execFile);

interface Received {
  readonly args: readonly string[];
  readonly environ: Readonly<Record<string, string>>;
  /** How large its core files may be, as the system says it. */
  readonly cores: string;
}

let root: string;
let launcher: string;
/** The caller's current folder, with the files that Node may look for in one. */
let folder: string;
const loaded = (): boolean => existsSync(join(folder, 'loaded'));

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'kernelet-launcher-'));
  launcher = join(root, 'bin', 'kernelet');
  folder = join(root, 'work');
  for (const name of ['bin', 'dist', 'node_modules', 'work']) mkdirSync(join(root, name));
  cpSync(join(source, 'bin', 'kernelet'), launcher);
  symlinkSync(join(source, 'node_modules', nodePackage), join(root, 'node_modules', nodePackage));
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  const program = join(root, 'program.ts');
  writeFileSync(
    program,
    `import { readFileSync } from 'node:fs';
    import { programArguments } from ${JSON.stringify(join(source, 'src', 'lib', 'node-process.ts'))};
    const cores = /^Max core file size +(\\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    process.stdout.write(JSON.stringify({ args: programArguments(), environ: process.env, cores }));`,
  );
  // Hundreds of starts are to come.
  await bundle({ kernelet: program }, join(root, 'dist'));
  const canary = join(folder, 'canary.cjs');
  writeFileSync(canary, `require('node:fs').writeFileSync(${JSON.stringify(join(folder, 'loaded'))}, '');`);
  writeFileSync(join(folder, '.env'), `CANARY=1\nNODE_OPTIONS=--require=${canary}\n`);
  writeFileSync(join(folder, 'node.config.json'), JSON.stringify({ nodeOptions: { import: [canary] } }));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** What the program got of these arguments. Rejects when anything but the program spoke, or it ended with an error. */
async function received(args: readonly string[], environment: NodeJS.ProcessEnv = {}, shell = 'sh'): Promise<Received> {
  const options = { cwd: folder, env: { PATH: process.env['PATH'], ...environment }, maxBuffer: 2 ** 26 };
  const { stdout, stderr } = await run(shell, [launcher, ...args], options);
  if (stderr !== '') throw new Error(`standard error has ${stderr}`);
  return JSON.parse(stdout) as Received;
}

/** Every option that this Node has, hidden ones too, by its own table. */
function nodeOptions(): readonly string[] {
  const script = `const { getCLIOptionsInfo } = require('internal/test/binding').internalBinding('options');
    const { options, aliases } = getCLIOptionsInfo();
    console.log(JSON.stringify([...options.keys(), ...aliases.keys(), ...process.allowedNodeEnvironmentFlags]));`;
  const done = spawnSync(pinnedNode, ['--expose-internals', '--no-warnings', '-e', script], { encoding: 'utf8' });
  const help = spawnSync(pinnedNode, ['--help'], { encoding: 'utf8' }).stdout.matchAll(/(?<=^ {2}|, )--?[\w-]+/gm);
  return [...new Set([...(JSON.parse(done.stdout) as string[]), ...[...help].map(String)])];
}

/** Every option of V8. */
function engineOptions(): readonly string[] {
  const { stdout } = spawnSync(pinnedNode, ['--v8-options'], { encoding: 'utf8' });
  return [...stdout.matchAll(/^ {2}(--[\w-]+)/gm)].map(([, name = '']) => name);
}

/** An option as callers may write it, with each of the files that would show that Node obeyed. */
const formsOf = (option: string): readonly string[] => [
  ...['.env', 'canary.cjs', 'node.config.json'].flatMap((file) => [`${option}=${file}`, option, file]),
  option,
];

describe('an argument that Node takes for its own option', () => {
  // @promise program-arguments
  it('reaches the program and not Node: each option that Node has', { timeout: 60_000 }, async () => {
    const options = nodeOptions();
    expect(options).toEqual(expect.arrayContaining(['--env-file', '--env-file-if-exists', '--require', '--import']));
    expect(options).toEqual(
      expect.arrayContaining(['--experimental-config-file', '--experimental-default-config-file', '--inspect']),
    );
    expect(options.length).toBeGreaterThan(200);
    // A few at a time, since one may keep Node from looking at the next.
    for (let first = 0; first < options.length; first += 8) {
      const args = ['run', 'prog.py', ...options.slice(first, first + 8).flatMap(formsOf)];
      const got = await received(args);
      expect(got.args).toEqual(args);
      expect(got.environ).not.toHaveProperty('CANARY');
    }
    expect(loaded()).toBe(false);
  });

  it('reaches the program and not Node: each option of V8', async () => {
    const options = engineOptions();
    expect(options.length).toBeGreaterThan(300);
    const args = ['exec', 'ID', '--', ...options.flatMap((option) => [option, `${option}=1`])];
    expect((await received(args)).args).toEqual(args);
  });

  it('is none in the first place either', async () => {
    for (const args of [['--env-file=.env'], ['--experimental-default-config-file'], ['--require', './canary.cjs']]) {
      expect((await received(args)).args).toEqual(args);
    }
    expect(loaded()).toBe(false);
  });
});

describe('any other argument', () => {
  const odd = [
    ...[
      '',
      ' ',
      'two\nlines\n',
      "it's",
      '"',
      '\\',
      '$HOME',
      '`id`',
      '$(id)',
      '*',
      '=',
      '=x',
      '-',
      '--',
      '${1}',
      'ÄÖ€😀',
    ],
    ...['x'.repeat(100_000), String.fromCharCode(...Array.from({ length: 127 }, (_, index) => index + 1))],
  ];

  it.each(['sh', 'bash'])('arrives as it is, by %s', async (shell) => {
    expect((await received(odd, {}, shell)).args).toEqual(odd);
    expect((await received([], {}, shell)).args).toEqual([]);
  });

  it.each(['sh', 'bash'])('arrives with its bytes as Node reads them, by %s', async (shell) => {
    const bytes = Array.from({ length: 255 }, (_, index) => `\\${(255 - index).toString(8)}`).join('');
    const script = `exec "$@" "$(printf '${bytes}.')"`;
    const options = { cwd: folder };
    const print = 'process.stdout.write(JSON.stringify({ args: [process.argv[1]] }))';
    const plain = await run('sh', ['-c', script, 'sh', pinnedNode, '-e', print, '--'], options);
    const launched = await run('sh', ['-c', script, 'sh', shell, launcher], options);
    const [expected] = (JSON.parse(plain.stdout) as Received).args;
    expect((JSON.parse(launched.stdout) as Received).args).toEqual([expected]);
    expect(expected).toMatch(/\ufffd.*~\}\|.*\.$/s);
  });

  it('arrives in any number', async () => {
    const many = Array.from({ length: 20_000 }, (_, index) => `--argument-${index}`);
    expect((await received(many)).args).toEqual(many);
  });

  it('is not changed by variables of the caller', async () => {
    const mine = { kernelet_marked: '"=$HOME"', kernelet_part: ' x', kernelet_number: '7', IFS: 'e-', CDPATH: '/' };
    expect((await received(['serve', '-x'], mine)).args).toEqual(['serve', '-x']);
  });
});

/** Names in the binary that are constants of the source, and read from no environment. */
const constants = /^NODE_(PERFORMANCE_|BINDING_|BUILTIN_|HANDLE|SOCKET_|SEA_|MODULE_VERSION$|DEBUG_ENABLED$|CLUSTER$)/;
const otherConstants = [
  ...[
    'NODE_OPENSSL_CONF_NAME',
    'NODE_OPTUH',
    'NODE_USE_V8_PLATFORM',
    'NODE_RUN_SCRIPT_NODE_RUN_PACKAGECKAGE_JSON_PATH',
  ],
  ...['OPENSSL_DIR_', 'OPENSSL_EC_EXPLICIT_CURVE', 'OPENSSL_EC_NAMED_CURVE', 'OPENSSL_INIT_', 'OPENSSL_LH_'],
  'OPENSSL_VERSION_NUMBER',
];

describe('the caller’s environment', () => {
  // @promise program-arguments
  it('has no variable that Node or its OpenSSL read', async () => {
    const found = readFileSync(pinnedNode, 'latin1').matchAll(/\b(?:NODE|OPENSSL|WATCH)_[A-Z0-9_]+/g);
    const names = [...new Set([...found].map(String))].filter(
      (name) => !constants.test(name) && !otherConstants.includes(name),
    );
    expect(names).toEqual(expect.arrayContaining(['NODE_OPTIONS', 'NODE_PATH', 'NODE_V8_COVERAGE', 'OPENSSL_CONF']));
    const values = Object.fromEntries(names.map((name) => [name, join(folder, 'canary.cjs')]));
    const { environ } = await received(['serve'], { ...values, OTHER: 'kept' });
    expect(Object.keys(environ).filter((name) => names.includes(name))).toEqual([]);
    expect(environ['OTHER']).toBe('kept');
  });

  it('has Node load no code', async () => {
    const canary = join(folder, 'canary.cjs');
    for (const options of [`--require=${canary}`, `--import=${canary}`, '--experimental-default-config-file']) {
      await received(['serve'], { NODE_OPTIONS: options });
    }
    expect(loaded()).toBe(false);
  });
});

it('leaves no core files, unless somebody asks for them', async () => {
  const raised = 'ulimit -S -c "$(ulimit -H -c)"; exec sh "$0"';
  const coresOf = async (environment: NodeJS.ProcessEnv): Promise<string> => {
    const options = { cwd: folder, env: { PATH: process.env['PATH'], ...environment } };
    return (JSON.parse((await run('sh', ['-c', raised, launcher], options)).stdout) as Received).cores;
  };
  const most = /^Max core file size +\S+ +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  expect([await coresOf({}), await coresOf({ KERNELET_CORE_DUMPS: '1' })]).toEqual(['0', most]);
});
