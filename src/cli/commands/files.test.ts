import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';

let cli: CliUnderTest;
beforeEach(async () => {
  cli = await CliUnderTest.started();
  await cli.run(['create', '--lang', 'python', '--name', 'web']);
  cli.agent.files.set('f', { bytes: Buffer.from('text'), mode: null });
});
afterEach(() => cli[Symbol.asyncDispose]());

const files = (...args: readonly string[]) => cli.run(['files', ...args]);

describe('files', () => {
  it('are listed by the name of their kernel and a path, as `ls` does it', async () => {
    const listed = await files('ls', 'web:');
    expect(listed.stdout).toMatch(/^MODE +SIZE +CHANGED +NAME\n-rw-r--r-- +4 +1970-01-01 00:00:01 +f\n$/);
    expect(await cli.run(['ls', 'web:'])).toEqual(listed);
    expect(await cli.run(['ls', 'web'])).toEqual(listed);
    expect(await cli.run(['ls', 'web', '.'])).toEqual(listed);
  });

  it('are shown with their facts', async () => {
    const { stdout } = await files('stat', 'web:f');
    expect(stdout).toBe(`path:    /home/work/f
type:    file
size:    4
mode:    -rw-r--r-- (644)
owner:   1000:1000
changed: 1970-01-01 00:00:01
read:    1970-01-01 00:00:01
`);
    expect(JSON.parse((await files('stat', 'web:f', '--json')).stdout)).toMatchObject({ file: { permissions: '644' } });
    expect(await files('stat', 'web:none')).toMatchObject({ status: 125, stderr: expect.stringContaining('none') });
  });

  it('are moved to a new name, or into a folder that is there', async () => {
    expect((await files('mkdir', 'web:d', 'web:e')).status).toBe(0);
    expect(JSON.parse((await files('mv', 'web:f', 'web:d', '--json')).stdout)).toEqual({ from: 'f', to: 'd/f' });
    expect((await files('mv', 'web:d/f', 'web:g')).status).toBe(0);
    cli.agent.files.set('h', { bytes: Buffer.from('h'), mode: null });
    const kept = await files('mv', '-n', 'web:g', 'web:h');
    expect([kept.status, kept.stderr]).toEqual([125, expect.stringContaining('h is there already')]);
    expect((await files('mv', 'web:g', 'web:h')).status).toBe(0);
    expect([...cli.agent.files]).toEqual([['h', { bytes: Buffer.from('text'), mode: null }]]);
  });

  it('are moved into a folder by a name of their own, however their path is written', async () => {
    await files('mkdir', 'web:d');
    cli.agent.files.set('h/.', { bytes: Buffer.from('h'), mode: null });
    expect(JSON.parse((await files('mv', 'web:h/.', 'web:d', '--json')).stdout)).toEqual({ from: 'h/.', to: 'd/h' });
    for (const nameless of ['web:', 'web:..', 'web:d/../..']) {
      const { status, stderr } = await files('mv', nameless, 'web:d');
      expect([status, stderr]).toEqual([2, expect.stringContaining('has no name of its own to go by')]);
    }
  });

  it('are removed, each for itself', async () => {
    await files('mkdir', 'web:d');
    const { status, stdout, stderr } = await files('rm', 'web:f', 'web:none', 'web:d');
    expect([status, stdout]).toEqual([125, 'web:f\n']);
    expect(stderr).toMatch(/none(.|\n)*d is a folder/);
    expect(await files('rm', '-rf', 'web:d', 'web:none')).toEqual({
      status: 0,
      stdout: 'web:d\nweb:none\n',
      stderr: '',
    });
  });

  it('are removed one after the other, since a kernel has room for a few requests at once', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const name of names) cli.agent.files.set(name, { bytes: Buffer.from(name), mode: null });
    let [underWay, most] = [0, 0];
    const fileWork = cli.agent.fileWork.bind(cli.agent);
    cli.agent.fileWork = async (id) => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setTimeout(resolve, 10));
      underWay -= 1;
      return await fileWork(id);
    };
    const places = names.map((name) => `web:${name}`);
    expect((await files('rm', 'web:none', ...places)).stdout).toBe(`${places.join('\n')}\n`);
    expect([most, cli.agent.files.size]).toEqual([1, 0]);
  });

  it('are watched, and names cannot move the cursor', async () => {
    cli.agent.changes = [
      { type: 'created', path: 'a\n\u001b[2J', file: 'folder' },
      { type: 'lost', reason: 'much' },
      { type: 'removed', path: '.', file: 'folder' },
    ];
    const { status, stdout } = await files('watch', 'web:');
    const lines = ['watching    .', 'created     a\\n\\x1b[2J/', 'lost        much', 'removed     .', ''];
    expect([status, stdout]).toEqual([0, lines.join('\n')]);
  });

  it('that are watched over a stream that breaks are to be looked at again', async () => {
    cli.agent.changes = [{ type: 'created', path: 'a', file: 'file' }];
    const io = cli.io();
    const running = cli.run(['files', 'watch', 'web:', '--json'], io);
    await expect.poll(() => io.stdout.text).toMatch(/"created"(.|\n)*"lost"/);
    cli.agent.changes = [{ type: 'removed', path: '.', file: 'folder' }];
    expect((await running).status).toBe(0);
  });

  it.each([
    [['files', 'stat', 'f'], /"f" names no kernel\nGive ID:PATH/],
    [['files', 'rm', 'web:f', 'g'], /"g" names no kernel/],
    [
      ['files', 'mv', 'web:f', 'other:f'],
      /nothing is moved from one kernel to another\n`kernelet cp web:f - \| kernelet cp - other:f`/,
    ],
    [['files', 'mv', 'web:f', 'web:none/'], /there is no folder "none\/"/],
    [['mkdir', 'x'], /`kernelet files mkdir ID:PATH`/],
  ])('%j is refused with what to do', async (args, message) => {
    const { status, stderr } = await cli.run(args);
    expect([status, stderr]).toEqual([2, expect.stringMatching(message)]);
    expect(cli.agent.files.has('f')).toBe(true);
  });
});
