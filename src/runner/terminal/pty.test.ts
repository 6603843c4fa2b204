import { setTimeout as wait } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { openPty, type Pty } from './pty.ts';

async function open(script: string) {
  const heard = { text: '', rooms: 0, ended: false };
  const size = { columns: 80, rows: 24 };
  const pty: Pty = openPty(
    {
      argv: ['/bin/sh', '-c', `stty raw -echo; echo ready; ${script}`],
      environ: { PATH: '/usr/bin:/bin' },
      folder: '/',
      ...size,
    },
    {
      onOutput: (bytes) => (heard.text += Buffer.from(bytes).toString('latin1')),
      onDrain: () => (heard.rooms += 1),
      onEnd: () => (heard.ended = true),
    },
  );
  await vi.waitFor(() => expect(heard.text).toContain('ready'), { timeout: 5_000 });
  return { pty, heard };
}

it('a terminal keeps what its program does not read yet, blocks nothing meanwhile, and says when it is read', async () => {
  const { pty, heard } = await open('sleep 0.5; head -c 1000000 | wc -c');
  expect(pty.write(Buffer.alloc(999_000, 'x'))).toBe(false);
  expect(pty.write(Buffer.alloc(1_000, 'x'))).toBe(false);
  const begun = performance.now();
  await wait(50);
  expect(performance.now() - begun).toBeLessThan(400);
  expect(heard).toMatchObject({ rooms: 0, ended: false });
  await vi.waitFor(() => expect(heard.ended).toBe(true), { timeout: 10_000 });
  expect(heard.text).toContain('1000000');
  expect(heard.rooms).toBe(1);
});

it('a terminal drops what is left to be typed when its program has ended', async () => {
  const { pty, heard } = await open('sleep 60');
  expect(pty.write(Buffer.from('at once'))).toBe(true);
  expect(pty.write(Buffer.alloc(1_000_000))).toBe(false);
  pty.hangUp();
  await vi.waitFor(() => expect(heard.ended).toBe(true), { timeout: 5_000 });
  expect(pty.write(Buffer.from('late'))).toBe(true);
});
