/** A kernel as `inspect` and `ps` show it, in ordinary and in unusual states. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';

let cli: CliUnderTest;
let id: string;
beforeEach(async () => {
  cli = await CliUnderTest.started();
  id = await cli.kernel();
});
afterEach(() => cli[Symbol.asyncDispose]());

describe('inspect', () => {
  it('shows everything in sentences, or with --json the kernel', async () => {
    cli.changeKernel(id, { createdAt: 1, readyAt: 2, user: { uid: 2_000_001, gid: 1000 } });
    const { stdout } = await cli.run(['inspect', id.slice(0, 8)]);
    expect(stdout).toMatch(/^user: +2000001:1000$/m);
    expect(stdout).toMatch(/^OCI runtime: +the engine's default$/m);
    expect(stdout).not.toContain('dropped reports');
    expect(stdout).toMatch(/^id: +[0-9a-f-]{36}$/m);
    expect(stdout).toMatch(/^limits: +1 CPU, 1 GiB, 512 processes$/m);
    expect(stdout).toMatch(/^ready: +1970-01-01T00:00:00\.002Z, after 1 ms$/m);
    expect(stdout).toMatch(/^ended: +no$/m);
    expect(await cli.document('inspect', id)).toMatchObject({ id, phase: 'running' });
  });

  it('says which OCI runtime was named, and what of its runner was dropped', async () => {
    cli.changeKernel(id, { ociRuntime: 'runsc', droppedReports: 3 });
    const { stdout } = await cli.run(['inspect', id]);
    expect(stdout).toMatch(/^OCI runtime: +runsc$/m);
    expect(stdout).toMatch(/^dropped reports: +3, which nobody asked its runner for$/m);
  });

  it('does not count the life before a restart as time to get ready', async () => {
    await cli.run(['restart', id]);
    cli.changeKernel(id, { createdAt: 1, readyAt: 2 });
    expect((await cli.run(['inspect', id])).stdout).toMatch(/^ready: +1970-01-01T00:00:00\.002Z$/m);
  });
});

describe('a missing kernel', () => {
  it('is shown as one', async () => {
    const since = Date.UTC(2026, 0, 2);
    cli.changeKernel(id, { missingSince: since, stuck: { why: 'it is not listed', since, next: 'it ends soon' } });
    const listed = (await cli.run(['ps'])).stdout;
    expect(listed).toContain('running (missing)');
    expect(listed).toMatch(new RegExp(`^${id}: for .* it is not listed; it ends soon$`, 'm'));
    expect((await cli.run(['inspect', id])).stdout).toMatch(
      /missing since: +2026-01-02T00:00:00.000Z: it is not listed\n *next: +it ends soon/,
    );
  });
});

describe('an unrecorded kernel', () => {
  it('is shown as one, with what is known of it', async () => {
    const since = Date.UTC(2026, 0, 2);
    cli.changeKernel(id, { unrecordedSince: since, stuck: { why: 'its record is lost', since, next: 'it runs on' } });
    const listed = (await cli.run(['ps'])).stdout;
    expect(listed).toContain('running (unrecorded)');
    expect(listed).toMatch(new RegExp(`^${id}: for .* its record is lost; it runs on$`, 'm'));
    const { stdout } = await cli.run(['inspect', id]);
    expect(stdout).toMatch(/unrecorded since: +2026-01-02T00:00:00.000Z: its record is lost\n *next: +it runs on/);
    expect(stdout).toMatch(/^ports:/m);
    expect(stdout).not.toMatch(/^(runtime|mounts|environment|steps):|processes/m);
    expect(await cli.document<unknown>('inspect', id)).toMatchObject({ unrecordedSince: since });
  });
});

describe('a kernel that was started again', () => {
  const restarts = {
    ...{ count: 2, reason: 'node-reboot', detail: 'its container ended with this machine', tries: 2 },
    at: Date.UTC(2026, 0, 2),
  };

  it('is shown with how often that was, and why', async () => {
    cli.changeKernel(id, { restarts });
    expect((await cli.run(['ps'])).stdout).toContain('running (restarted 2×, node-reboot)');
    const { stdout } = await cli.run(['inspect', id]);
    expect(stdout).toMatch(/restarts: +2, the last at 2026-01-02T00:00:00.000Z: node-reboot: its container ended with/);
  });

  it('is shown with why that is going on', async () => {
    cli.changeKernel(id, { phase: 'restarting', restarts });
    expect((await cli.run(['ps'])).stdout).toContain('restarting (node-reboot)');
  });
});
