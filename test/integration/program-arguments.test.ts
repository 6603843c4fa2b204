/** Arguments and folders of callers, who may have them from anybody, against the Node that kernelet itself runs on. */
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { NodeUnderTest } from '../support/node-under-test.ts';

let node: NodeUnderTest;
let kernel: string;
let canary: string;
beforeAll(async () => {
  node = await NodeUnderTest.started();
  kernel = await node.create('--lang', 'python');
  canary = path.join(node.folder, 'canary.cjs');
  await writeFile(canary, `require('node:fs').writeFileSync(${JSON.stringify(path.join(node.folder, 'loaded'))}, '');`);
  await writeFile(path.join(node.folder, 'x'), `NODE_OPTIONS=--require=${canary}\n`);
  await writeFile(path.join(node.folder, '.env'), `NODE_OPTIONS=--require=${canary}\n`);
  const configuration = JSON.stringify({ nodeOptions: { import: [canary] } });
  for (const name of ['node.config.json', 'x.json']) await writeFile(path.join(node.folder, name), configuration);
  await writeFile(path.join(node.folder, 'prog.py'), 'import json, sys\nprint(json.dumps(sys.argv[1:]))\n');
});
afterEach(() => rm(path.join(node.folder, 'loaded'), { force: true }));
afterAll(() => node[Symbol.asyncDispose]());

const inFolder = () => ({ directory: node.folder });
const wasLoaded = (): boolean => existsSync(path.join(node.folder, 'loaded'));
const printArguments = ['python3', '-c', 'import json, sys; print(json.dumps(sys.argv[1:]))'];

const argumentLists: readonly (readonly string[])[] = [
  ['--env-file', 'x'],
  ['--env-file=x'],
  ['--env-file-if-exists=x'],
  ['--experimental-config-file', 'x.json'],
  ['--experimental-config-file=x.json'],
  ['--experimental-default-config-file'],
  ['--require', './canary.cjs', '-r', './canary.cjs', '--import=./canary.cjs', '--inspect=0', '--', '--env-file=x'],
  ['', ' ', 'two\nlines\n', `'"\\$HOME\`id\`*`, '=', '-', '--', 'x'.repeat(100_000)],
  Array.from({ length: 3_000 }, (_, index) => `--argument-${index}`),
];

describe('arguments of a program', () => {
  it.each(argumentLists)('reach it by run, and nothing on the host obeys them: %s …', async (...list) => {
    const outcome = await node.run(['run', 'prog.py', ...list], inFolder());
    expect(outcome).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(outcome.text)).toEqual(list);
    expect(wasLoaded()).toBe(false);
  });

  // @promise program-arguments
  it.each(argumentLists)('reach it by exec, and nothing on the host obeys them: %s …', async (...list) => {
    const outcome = await node.run(['exec', kernel, '--', ...printArguments, ...list], inFolder());
    expect(outcome).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(outcome.text)).toEqual(list);
    expect(wasLoaded()).toBe(false);
  });
});

describe('variables of the caller', () => {
  it.each(['run', 'exec'])('have %s load nothing on the host', async (command) => {
    const args = command === 'run' ? ['run', 'prog.py', 'a'] : ['exec', kernel, '--', ...printArguments, 'a'];
    const environment = { NODE_OPTIONS: `--require=${canary}`, NODE_PATH: node.folder };
    expect(await node.run(args, { ...inFolder(), environment })).toMatchObject({ status: 0, text: '["a"]\n' });
    expect(wasLoaded()).toBe(false);
  });
});

describe('paths in a kernel', () => {
  it.each(['--env-file=x', '--experimental-default-config-file'])('may be options of Node: %s', async (name) => {
    await node.run(['exec', kernel, '-c', `import os; os.mkdir(${JSON.stringify(name)})`]);
    const uploaded = await node.run(['upload', kernel, '--', 'prog.py', `${name}/${name}`], inFolder());
    expect(uploaded).toMatchObject({ status: 0 });
    const listed = await node.run(['ls', kernel, '--', name]);
    expect(listed.text).toContain(name);
    const file = await node.run(['download', kernel, '--', `${name}/${name}`, '-']);
    expect(file).toMatchObject({ status: 0, text: expect.stringContaining('json.dumps') });
  });
});
