import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { NotifyReceiver } from '../../test/support/notify-receiver.ts';
import { openNotifySocket } from './notify-socket.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'notify-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it.each(['a path', 'an abstract name'])('sends whole messages to %s', (kind) => {
  const address = kind === 'a path' ? path.join(folder, 'notify') : `@kernelet-${randomUUID()}`;
  using receiver = new NotifyReceiver(address);
  using socket = openNotifySocket(address);
  expect([socket.send('READY=1\nSTATUS=für alle'), socket.send('STOPPING=1')]).toEqual(['sent', 'sent']);
  expect(receiver.heard()).toEqual(['READY=1\nSTATUS=für alle', 'STOPPING=1']);
});

it('says that a reader is behind, and waits for nothing', () => {
  using receiver = new NotifyReceiver(path.join(folder, 'notify'));
  using socket = openNotifySocket(receiver.address);
  const sent = Array.from({ length: 5000 }, () => socket.send('WATCHDOG=1'));
  expect(sent.at(-1)).toBe('full');
  expect(receiver.heard()).toHaveLength(sent.filter((one) => one === 'sent').length);
  expect(socket.send('READY=1')).toBe('sent');
});

it('says why nobody hears', () => {
  using socket = openNotifySocket(path.join(folder, 'absent'));
  expect(socket.send('READY=1')).toEqual({ failure: 'ENOENT' });
  const gone = new NotifyReceiver(path.join(folder, 'gone'));
  gone[Symbol.dispose]();
  using other = openNotifySocket(gone.address);
  expect(other.send('READY=1')).toEqual({ failure: 'ECONNREFUSED' });
});

it.each(['vsock:2:1234', 'notify', '', `/${'long'.repeat(30)}`])('refuses the address %j', (address) => {
  expect(() => openNotifySocket(address)).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }));
});

it('keeps no descriptor', async () => {
  const open = async (): Promise<number> => (await readdir('/proc/self/fd')).length;
  const before = await open();
  for (let times = 0; times < 20; times += 1) {
    const socket = openNotifySocket(path.join(folder, 'notify'));
    socket[Symbol.dispose]();
    socket[Symbol.dispose]();
    expect(socket.send('READY=1')).toEqual({ failure: 'the socket is closed' });
  }
  expect(await open()).toBeLessThanOrEqual(before);
});
