import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';
import { parseKernelId } from '../../lib/ids.ts';

let cli: CliUnderTest;
let id: string;
beforeEach(async () => {
  cli = await CliUnderTest.started();
  id = await cli.kernel();
});
afterEach(() => cli[Symbol.asyncDispose]());

describe('restore', () => {
  const kept = {
    id: '4f1c2d3e-0000-4000-8000-000000000001',
    endedAt: Date.UTC(2026, 0, 2),
    until: Date.now() + 7_200_000,
    bytes: 2048,
    image: 'kernelet/python:latest',
    name: null,
    runtime: 'python',
    termination: { reason: 'out-of-memory', exitCode: 137, detail: 'it was killed', at: Date.UTC(2026, 0, 2) },
  };

  it('lists what is kept, and for how long', async () => {
    const parsed = { ...kept, id: parseKernelId(kept.id) };
    const unknown = { bytes: null, image: null, runtime: null, termination: null };
    cli.agent.keptFiles = async () => [parsed, { ...parsed, ...unknown }];
    const { stdout } = await cli.run(['restore']);
    expect(stdout).toMatch(/^ID +ENDED +REASON +SIZE +KEPT FOR +IMAGE\n/);
    expect(stdout).toMatch(
      /2026-01-02T00:00:00.000Z +out-of-memory +2(\.0+)? KiB +(1 h 59|2 h 0) min.* +kernelet\/python:latest/,
    );
    expect(await cli.document('restore')).toMatchObject([{ bytes: 2048 }, { bytes: null }]);
  });

  it('brings a kernel back, or its files to a folder', async () => {
    await ranOutOfMemory();
    expect(await cli.run(['restore', id.slice(0, 8)])).toMatchObject({ status: 0, stdout: `${id}\n` });
    expect(cli.agent.kernels.has(id)).toBe(true);
    await ranOutOfMemory();
    const { stdout } = await cli.run(['restore', id, '--to', 'found']);
    expect(stdout).toBe(`${cli.folder}/found\n`);
    expect((await stat(join(cli.folder, 'found'))).isDirectory()).toBe(true);
    expect(await cli.run(['restore', id])).toMatchObject({
      stdout: '',
      stderr: expect.stringContaining(`no kernel ${id}`),
    });
    expect((await cli.run(['restore', '--to', 'found'])).status).toBe(2);
  });

  const ranOutOfMemory = async (): Promise<void> => {
    const container = cli.agent.engine.containers.find(
      ({ spec, running }) => running && spec.labels['ai.backend.kernel-id'] === id,
    );
    container?.exit(137, { outOfMemory: true });
    await expect.poll(() => cli.agent.kernels.has(id)).toBe(false);
  };
});
