import { describe, expect, it } from 'vitest';
import { stageFor } from '../support/manager/stage.ts';

const stage = stageFor('i-files');
const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, n) => (n * 7) % 256));
const encoded = bytes.toString('base64');
const digestOf = (file: string): string =>
  `import hashlib; print(hashlib.sha256(open(${JSON.stringify(file)}, "rb").read()).hexdigest())`;

describe.concurrent('files', () => {
  it('are uploaded with plain names and by the client, listed, and downloaded', async () => {
    await using session = await stage.session();
    await session.call('upload_plain', {
      files: { 'plain.bin': encoded, '/home/work/deep/er/absolute.bin': encoded, 'sub/relative.bin': encoded },
    });
    await session.call('upload', { files: { 'sub/ä b.bin': encoded } });
    const same = (await session.run(digestOf('plain.bin'))).stdout;
    expect(same).toMatch(/^[0-9a-f]{64}\n$/);
    for (const file of ['deep/er/absolute.bin', 'sub/relative.bin', 'sub/ä b.bin']) {
      expect([file, (await session.run(digestOf(file))).stdout]).toEqual([file, same]);
    }
    const listed = await session.ask<{ files: string }>('list_files', 'sub');
    expect(
      JSON.parse(listed.files)
        .map((file: { filename: string }) => file.filename)
        .sort(),
    ).toEqual(['relative.bin', 'ä b.bin']);
    await session.run('open("written.txt", "w").write("by code")');
    const files = await session.call<Readonly<Record<string, string>>>('download', {
      files: ['written.txt', 'sub/ä b.bin'],
    });
    const found = Object.entries(files).map(([name, content]) => [name.split('/').at(-1), content]);
    expect(new Map(found as [string, string][])).toEqual(
      new Map([
        ['written.txt', Buffer.from('by code').toString('base64')],
        ['ä b.bin', encoded],
      ]),
    );
    const single = await stage.client.call<string>('request', {
      method: 'POST',
      path: `/session/${session.name}/download_single`,
      json: { file: 'written.txt' },
    });
    expect(Buffer.from(single, 'base64').toString()).toContain('by code');
  });

  it('that are not there or not in the home are refused', async () => {
    await using session = await stage.session();
    await expect(session.call('download', { files: ['none.txt'] })).rejects.toThrow();
    await expect(session.call('download', { files: ['/etc/shadow'] })).rejects.toThrow();
    await expect(session.call('upload_plain', { files: { '../../etc/x': encoded } })).rejects.toThrow();
    expect((await session.run('print("goes on")')).stdout).toBe('goes on\n');
  });

  it('lie in virtual folders, which may be for reading only', async () => {
    const { client } = stage;
    // Of this run: a manager that was kept has those of the last.
    const [shared, fixed] = [`shared-${process.pid}`, `fixed-${process.pid}`];
    for (const name of [shared, fixed]) {
      await client.call('make_folder', { name, options: { host: 'local:volume1' } });
      await client.call('folder', { name, method: 'mkdir', args: ['inner'] });
    }
    await using session = await stage.session({
      mounts: [shared, fixed],
      mount_map: { [shared]: '/home/work/ours' },
      mount_options: { [fixed]: { permission: 'ro' } },
    });
    const shown = await session.run(
      [
        'import os',
        `print(os.listdir("/home/work/ours"), os.listdir("/home/work/${fixed}"))`,
        'open("/home/work/ours/inner/written.txt", "w").write("by code")',
        `open("/home/work/${fixed}/refused.txt", "w")`,
      ].join('\n'),
    );
    expect(shown.stdout).toBe("['inner'] ['inner']\n");
    expect(shown.stderr).toMatch(/Read-only file system/);
    const { items } = await client.call<{ items: readonly { name: string }[] }>('folder', {
      name: shared,
      method: 'list_files',
      args: ['inner'],
    });
    expect(items.map(({ name }) => name)).toEqual(['written.txt']);
    await session.destroy();
  });
});
