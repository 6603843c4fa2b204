/** The commands that steer kernels and show what they have, over the real API and an agent on the dummy engine. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';
import { plantFigures } from '../../../test/support/figures.ts';

let cli: CliUnderTest;
let id: string;
beforeEach(async () => {
  cli = await CliUnderTest.started();
  id = await cli.kernel();
});
afterEach(() => cli[Symbol.asyncDispose]());

describe('engine accept', () => {
  it('is the operator’s word, and says how that engine is', async () => {
    const accept = vi.spyOn(cli.agent, 'acceptEngine');
    expect(await cli.run(['engine', 'accept'])).toMatchObject({ status: 0, stdout: 'memory\n' });
    expect(accept).toHaveBeenCalledOnce();
  });
});

describe('rm', () => {
  it('of an empty list is a success, and an unknown id is none', async () => {
    expect(await cli.run(['rm'])).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(await cli.document('rm')).toEqual({ removed: [], failed: [] });
    expect((await cli.run(['rm', 'nobody'])).status).toBe(125);
  });

  it('removes several by their beginnings, gently or by force', async () => {
    const other = await cli.kernel();
    const { stdout } = await cli.run(['rm', id.slice(0, 13), other]);
    expect(stdout.trim().split('\n').sort()).toEqual([id, other].sort());
    expect(cli.agent.calls.every((call) => call.endsWith('gentle'))).toBe(true);
    const third = await cli.kernel();
    expect((await cli.run(['rm', '-f', third])).status).toBe(0);
    expect(cli.agent.calls.at(-1)).toBe(`destroy ${third} force`);
  });
});

describe('pause', () => {
  it('has kernels stand still until they are resumed, and shows them so', async () => {
    const other = await cli.kernel();
    expect((await cli.run(['pause', id.slice(0, 8), other])).stdout.trim().split('\n').sort()).toEqual(
      [id, other].sort(),
    );
    expect((await cli.run(['ps'])).stdout).toContain('running (paused)');
    expect((await cli.run(['inspect', id])).stdout).toMatch(/paused since: .*: by a request/);
    expect(await cli.document('pause', id)).toEqual({ paused: [id], failed: [] });
    // The habit of another program.
    expect((await cli.run(['unpause', id])).stdout).toBe(`${id}\n`);
    expect(await cli.run(['resume', other, 'nobody'])).toMatchObject({ status: 125, stdout: `${other}\n` });
    expect((await cli.run(['ps'])).stdout).not.toContain('paused');
  });
});

describe('wait', () => {
  // @promise wait
  it('prints the exit code of a kernel when it has ended, also when it had before', async () => {
    const waiting = cli.run(['wait', id.slice(0, 8)]);
    const [container] = cli.agent.engine.containers;
    container?.exit(3);
    expect(await waiting).toMatchObject({ status: 0, stdout: '3\n' });
    expect(await cli.run(['wait', id])).toMatchObject({ status: 0, stdout: '3\n' });
    const removed = await cli.kernel();
    const end = cli.run(['wait', removed]);
    await cli.run(['rm', '-f', removed]);
    expect(await end).toMatchObject({ status: 0, stdout: '137\n' });
  });

  it('waits for a pause, or for its end, fails in time, and for what cannot be any more', async () => {
    const paused = cli.run(['wait', id, '--for', 'paused']);
    await cli.run(['pause', id]);
    expect(await paused).toMatchObject({ status: 0, stdout: `${id}\n` });
    const late = await cli.run(['wait', id, '--for', 'running', '--timeout', '50ms']);
    expect([late.status, late.stderr]).toEqual([125, expect.stringContaining(`kernel ${id} does not run after 50ms`)]);
    await cli.run(['rm', '-f', id]);
    expect((await cli.run(['wait', id, '--for', 'running'])).stderr).toContain('is not running');
    expect((await cli.run(['wait', 'nobody'])).status).toBe(125);
  });
});

describe('complete', () => {
  it('prints a candidate a line, at the end of the code or at a place', async () => {
    expect((await cli.run(['complete', id, 'pr'])).stdout).toBe('pring\n');
    expect(await cli.document('complete', id, 'print', '--cursor', '2')).toEqual({ matches: ['pring'] });
  });

  it.each(['-1', '6', '1.5', 'x', ''])('refuses the place %j', async (cursor) => {
    const { status, stderr } = await cli.run(['complete', id, 'print', `--cursor=${cursor}`]);
    expect([status, stderr]).toMatchObject([2, expect.stringContaining('is not a position from 0 to 5')]);
  });
});

describe('the rest', () => {
  it('interrupt says when nothing was running', async () => {
    const { status, stdout, stderr } = await cli.run(['interrupt', id]);
    expect([status, stdout, stderr]).toEqual([0, '', 'kernelet: nothing was running in the context main\n']);
    expect(await cli.document('interrupt', id)).toEqual({ interrupted: false });
  });

  it('restart prints the id', async () => {
    expect((await cli.run(['restart', id.slice(0, 8)])).stdout).toBe(`${id}\n`);
    expect(await cli.document('restart', id)).toMatchObject({ id, generation: 3 });
  });

  it('ls lists files with names that cannot move the cursor, and nothing for an empty folder', async () => {
    expect((await cli.run(['ls', id])).stdout).toBe('');
    cli.agent.files.set('a\nb', { bytes: Buffer.from('12'), mode: null });
    expect((await cli.run(['ls', id])).stdout).toBe(
      'MODE        SIZE  CHANGED              NAME\n-rw-r--r--     2  1970-01-01 00:00:01  a\\nb\n',
    );
    expect(await cli.document('ls', id)).toMatchObject({ files: [{ filename: 'a\nb', size: 2 }] });
  });

  it('stats shows figures with their units', async () => {
    plantFigures(cli.agent);
    expect((await cli.run(['stats'])).stdout).toMatch(
      /\n[0-9a-f-]{36} +1\.00 s +0\.50 +2 B +3 B +4 B +5( +1 B){4} +- +0 +2 B \/ 4 B\n$/,
    );
    expect(await cli.document('stats')).toMatchObject([{ id, processes: 5 }]);
  });

  it('stats shows beginnings of ids on a terminal, where lines are short', async () => {
    plantFigures(cli.agent);
    const io = cli.io();
    io.stdout.isTerminal = true;
    expect((await cli.run(['stats'], io)).stdout).toMatch(new RegExp(`\\n${id.slice(0, 8)} +1\\.00 s`));
  });

  it('stats shows the kernels that are named, alone', async () => {
    plantFigures(cli.agent);
    await cli.kernel();
    expect(await cli.document('stats')).toHaveLength(2);
    expect(await cli.document('stats', id)).toMatchObject([{ id }]);
    expect(await cli.run(['stats', id, 'ffff'])).toMatchObject({ stdout: '', stderr: expect.stringContaining('ffff') });
  });
});
