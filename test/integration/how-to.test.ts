/** Pages of instructions do what they say: their commands are run as they stand there. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NodeUnderTest } from '../support/node-under-test.ts';

let node: NodeUnderTest;
beforeAll(async () => {
  node = await NodeUnderTest.started();
});
afterAll(() => node[Symbol.asyncDispose]());

/** The commands of a page; one with a comment `# prints TEXT` must print that. */
async function commandsOf(page: string): Promise<string> {
  const text = await readFile(path.join('docs/how-to', page), 'utf8');
  const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
  const expected = (line: string): string => {
    const [, command, output] = /^(.*?) +# prints (.*)$/.exec(line) ?? [];
    if (command === undefined || output === undefined) return line;
    return `expect ${quoted(output)} "$(${command})"`;
  };
  return blocks.join('').split('\n').map(expected).join('\n');
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const prelude = `set -euo pipefail
expect() { [ "$1" = "$2" ] || { echo "instead of $1: $2" >&2; exit 9; }; }
`;

/** Runs the commands of a page, which say nothing on standard error. */
async function follow(page: string): Promise<void> {
  const script = prelude + (await commandsOf(page));
  const env = { ...process.env, ...node.environment, PATH: `${path.resolve('bin')}:${process.env['PATH']}` };
  const { stderr } = await promisify(execFile)('bash', ['-c', script], { cwd: node.folder, env });
  expect(stderr).toBe('');
}

// @promise files-carried
it('the page about files', { timeout: 120_000 }, () => follow('files.md'));

// @promise ports-unpublished
it('the page about ports', { timeout: 120_000 }, () => follow('ports.md'));
