import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DriverHarness, quiet } from '../../../test/support/driver-harness.ts';

const driver = `${import.meta.dirname}/git_driver.cjs`;

let git: DriverHarness;
beforeEach(async () => {
  git = await DriverHarness.start([process.execPath, driver, '=/usr/bin/git']);
});
afterEach(() => git[Symbol.dispose]());

/** Git in the repository of the test, with commits a second apart, so that their order is known. */
let seconds = 1_700_000_000;
function repository(...args: readonly string[]): string {
  seconds += 1;
  const date = `${seconds} +0000`;
  const identity = {
    GIT_AUTHOR_NAME: 'Ada',
    GIT_AUTHOR_EMAIL: 'a@x',
    GIT_COMMITTER_NAME: 'Ada',
    GIT_COMMITTER_EMAIL: 'a@x',
  };
  const env = {
    PATH: process.env['PATH'],
    HOME: git.folder,
    ...identity,
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_DATE: date,
  };
  return execFileSync('/usr/bin/git', ['-C', `${git.folder}/a repo`, ...args], { env, encoding: 'utf8' }).trim();
}

/** What a graph has, by the first word of each commit's message. */
async function graph(path = "'a repo'") {
  const told = await git.query(`%show graph ${path}`);
  expect(told).toMatchObject({ stdout: '', stderr: '', exitCode: 0 });
  const [event] = told.events;
  const [form] = event?.ev === 'display' ? event.forms : [];
  if (!form || !('data' in form)) throw new Error('nothing was shown');
  expect(form).toMatchObject({ type: 'application/vnd.sorna.gitgraph', encoding: 'text' });
  const commits: { oid: string; parent_ids: string[]; message: string; branch: string; parent_branches: string[] }[] =
    JSON.parse(form.data);
  return commits;
}

test('a graph has all commits, oldest first, each with its branch and those of its parents', async () => {
  execFileSync('/usr/bin/git', ['init', '-q', '-b', 'main', `${git.folder}/a repo`]);
  const commit = (text: string) => {
    repository('commit', '-q', '--allow-empty', '-m', text);
    return repository('rev-parse', 'HEAD');
  };
  const first = commit('first\n\nwith a body');
  repository('checkout', '-q', '-b', 'side');
  const onSide = commit('on side');
  repository('checkout', '-q', 'main');
  const second = commit('second');
  repository('merge', '-q', '--no-ff', '-m', 'merge', 'side');
  const merge = repository('rev-parse', 'HEAD');
  const author = 'Ada';
  expect(await graph()).toEqual([
    { oid: first, parent_ids: [], author, message: 'first\n\nwith a body', branch: 'main', parent_branches: [] },
    { oid: onSide, parent_ids: [first], author, message: 'on side', branch: 'side', parent_branches: ['main'] },
    { oid: second, parent_ids: [first], author, message: 'second', branch: 'main', parent_branches: ['main'] },
    {
      oid: merge,
      parent_ids: [second, onSide],
      author,
      message: 'merge',
      branch: 'main',
      parent_branches: ['main', 'side'],
    },
  ]);
  // What only the merge still reaches belongs to the branch of the merge.
  repository('branch', '-q', '-D', 'side');
  expect((await graph('"a repo"')).map(({ branch }) => branch)).toEqual(['main', 'main', 'main', 'main']);
});

test('the terminal is greeted and measured', async () => {
  expect(await git.query('%ping')).toEqual({ ...quiet, stdout: 'pong!' });
  expect((await git.query('%resize 24 80')).stdout).toBe('OK; terminal resized to 24 lines and 80 columns');
});

test.each(['ls', '%resize 24', '%resize a b', '%show graph', '%show graph a b', '%rm -rf x', '%', ''])(
  'the query %j is no command',
  async (code) => {
    expect(await git.query(code)).toEqual({ ...quiet, stderr: 'Invalid command.\n', exitCode: 127 });
  },
);

test('what Git says against a repository is said', async () => {
  expect(await git.query('%show graph /nowhere')).toMatchObject({
    exitCode: 1,
    error: { message: expect.stringMatching(/cannot change to '\/nowhere'/) },
  });
});

test('an image without Git says so', async () => {
  using without = await DriverHarness.start([process.execPath, driver, '=']);
  expect(await without.query('%show graph .')).toMatchObject({
    exitCode: 1,
    error: { traceback: 'this image has no git\n' },
  });
  expect((await without.query('%ping')).stdout).toBe('pong!');
});
