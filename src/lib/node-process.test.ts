import { globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { nodeCommand, programArguments, startNode } from './node-process.ts';

const args = ['', '=', '--env-file', '.env', '--experimental-config-file=x.json', '--require=./x.cjs', 'two\nlines'];

describe('the command line of a program', () => {
  it('has nothing that Node takes for an option behind the program', () => {
    const [node, ...rest] = nodeCommand('/node', { file: '/program.js', flags: ['--no-warnings'], args });
    expect([node, ...rest.slice(0, 2)]).toEqual(['/node', '--no-warnings', '/program.js']);
    expect(rest.slice(2).filter((argument) => argument.startsWith('-'))).toEqual([]);
    expect(programArguments(['/node', ...rest.slice(1)])).toEqual(args);
  });

  it('is refused when somebody else has made it', () => {
    expect(() => programArguments(['/node', '/program.js', '=a', '--env-file=x'])).toThrowError(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('"--env-file=x"') }),
    );
  });
});

describe('a helper process', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kernelet-node-'));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true, force: true });
  });

  it('gets its arguments as they are, and of the environment PATH alone', async () => {
    const file = join(folder, 'program.mjs');
    const canary = join(folder, 'canary.cjs');
    await writeFile(canary, 'process.stdout.write("loaded");');
    await writeFile(join(folder, 'options'), `NODE_OPTIONS=--require=${canary}\n`);
    await writeFile(join(folder, 'options.json'), JSON.stringify({ nodeOptions: { import: [canary] } }));
    const module = JSON.stringify(join(import.meta.dirname, 'node-process.ts'));
    await writeFile(
      file,
      `import { programArguments } from ${module};
      process.stdout.write(JSON.stringify([programArguments(), Object.keys(process.env)]));`,
    );
    vi.stubEnv('NODE_OPTIONS', `--require=${canary}`);
    const hostile = [
      ...args,
      ...['--env-file', join(folder, 'options'), `--env-file=${join(folder, 'options')}`],
      ...[`--experimental-config-file=${join(folder, 'options.json')}`, '--experimental-default-config-file'],
    ];
    const child = startNode({ file, flags: ['--no-warnings'], args: hostile }, ['ignore', 'pipe', 'inherit']);
    if (!child.stdout) throw new Error('it has no standard output');
    expect(JSON.parse(await text(child.stdout))).toEqual([hostile, ['PATH']]);
  });
});

describe('the source', () => {
  const files = globSync('**/*.{ts,cjs}', { cwd: join(import.meta.dirname, '..') }).filter(
    (file) => !/\.test(-support)?\.ts$/.test(file),
  );
  const mentioning = (pattern: RegExp): readonly string[] =>
    files.filter((file) => pattern.test(readFileSync(join(import.meta.dirname, '..', file), 'utf8'))).sort();

  it('starts Node and reads arguments in one place', () => {
    // The driver of Node kernels is the tenant's own Node; those of shells and of Git take the marks off themselves.
    expect(mentioning(/\bexecPath\b/)).toEqual(['lib/node-process.ts', 'runner/drivers/node_driver.cjs']);
    expect(mentioning(/\bprocess\.argv\b/)).toEqual([
      'lib/node-process.ts',
      'runner/drivers/git_driver.cjs',
      'runner/drivers/node_driver.cjs',
      'runner/drivers/shell_driver.cjs',
    ]);
    expect(mentioning(/\bnodePath\b/)).toEqual(['lib/node-process.ts']);
    expect(mentioning(/\bvolumePaths\.node\b/)).toEqual(['runner/runtime.ts', 'runner/volume-paths.ts']);
    expect(mentioning(/\bcontext\.volumeNode\b/)).toEqual([
      'runner/runtimes/jupyter-driver.ts',
      'runner/runtimes/volume-driver.ts',
    ]);
    expect(mentioning(/\bfork\(/)).toEqual([]);
  });
});
