import { once } from 'node:events';
import { link, lstat, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openSocketAddress, openUnixAddress } from './unix-address.ts';

it('leaves short paths as they are', async () => {
  await using short = await openUnixAddress('/run/kernelet/kernelet.sock');
  expect(short.address).toBe('/run/kernelet/kernelet.sock');
});

it('reaches a socket below a very long path, for listening and connecting', async () => {
  const root = await mkdtemp(join(tmpdir(), 'kernelet-address-'));
  const folder = join(root, 'x'.repeat(100), 'y'.repeat(100));
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'runner.sock');
  const descriptorsBefore = (await readdir('/proc/self/fd')).length;
  const server = createServer((socket) => socket.end('hello'));
  {
    await using listening = await openUnixAddress(path);
    server.listen(listening.address);
    await once(server, 'listening');
    expect((await lstat(path)).isSocket()).toBe(true);
    await using calling = await openUnixAddress(path);
    const socket = connect(calling.address);
    const [data] = await once(socket, 'data');
    expect(String(data)).toBe('hello');
    socket.destroy();
    server.close();
    await once(server, 'close');
  }
  expect((await readdir('/proc/self/fd')).length).toBe(descriptorsBefore);
  await rm(root, { recursive: true });
});

it('refuses a name that is too long by itself', async () => {
  await expect(openUnixAddress(join(tmpdir(), 'n'.repeat(200)))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});

it('goes to a socket itself, and follows no link to another', async () => {
  const root = await mkdtemp(join(tmpdir(), 'kernelet-address-'));
  const other = join(root, 'engine.sock');
  const server = createServer((socket) => socket.end('hello'));
  server.listen(other);
  await once(server, 'listening');
  const descriptorsBefore = (await readdir('/proc/self/fd')).length;
  const folder = join(root, 'x'.repeat(120));
  await mkdir(folder);
  await link(other, join(folder, 'runner.sock'));
  {
    await using own = await openSocketAddress(join(folder, 'runner.sock'));
    const socket = connect(own.address);
    const [data] = await once(socket, 'data');
    expect(String(data)).toBe('hello');
    socket.destroy();
  }
  await symlink(other, join(folder, 'link.sock'));
  await writeFile(join(folder, 'file.sock'), '');
  for (const name of ['link.sock', 'file.sock']) {
    await expect(openSocketAddress(join(folder, name)), name).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  }
  await expect(openSocketAddress(join(folder, 'none.sock'))).rejects.toMatchObject({ code: 'ENOENT' });
  server.close();
  await once(server, 'close');
  expect((await readdir('/proc/self/fd')).length).toBeLessThanOrEqual(descriptorsBefore);
  await rm(root, { recursive: true });
});
