/** The SSH server of kernels, with OpenSSH's clients as its users. */
import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { docker, tenantId } from '../support/runner-container.ts';
import { makeBusyboxImage, makeEmptyImage, testVolume } from '../support/runner-images.ts';
import { newKey, SshKernel, tenantFile } from '../support/ssh-kernel.ts';

const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

let kernel: SshKernel;
beforeAll(async () => {
  kernel = await SshKernel.start('shell', 'kernelet/base', {
    environ: [
      ['GREETING', 'two\nlines'],
      ['LD_PRELOAD', '/nowhere.so'],
    ],
  });
});
afterAll(() => kernel?.[Symbol.asyncDispose]());

// @promise applications
describe('the SSH server', () => {
  it('runs before the kernel is ready, as the tenant and without capabilities', async () => {
    expect(await kernel.session.peer.request('start-service', { name: 'sshd', options: none })).toEqual({
      status: 'running',
    });
    const { stdout } = await kernel.session.shell(
      'for p in /proc/[0-9]*; do grep -lz dropbear $p/cmdline >/dev/null 2>&1 && grep -E "^(Uid|CapEff)" $p/status; done',
    );
    expect(stdout).toContain(`Uid:${`\t${tenantId}`.repeat(4)}`);
    expect(stdout).toContain('CapEff:\t0000000000000000');
  });

  it("runs commands with the kernel's variables, and passes their status on", async () => {
    const told = await kernel.ssh(['id -un; pwd; echo "$GREETING"; echo "$PATH" | cut -c1-22; exit 3']);
    expect(told).toMatchObject({ stdout: 'work\n/home/work\ntwo\nlines\n/home/work/.local/bin:\n', exitCode: 3 });
    const { stdout } = await kernel.ssh(['cat /proc/self/environ']);
    const names = stdout.split('\0').map((line) => line.split('=')[0]);
    expect(stdout.split('\0')).toContain('LD_PRELOAD=/nowhere.so');
    expect(names).not.toContain('KERNELET_SSH_ENVIRON');
  });

  it('gives a login shell on a terminal', async () => {
    const { stdout } = await kernel.ssh(['-tt'], { input: 'tty; shopt -q login_shell && echo yes; exit 5\n' });
    expect(stdout).toMatch(/\/dev\/pts\/\d/);
    expect(stdout).toContain('yes');
  });

  it('takes and gives files by SFTP, also when the shell talks at its start', async () => {
    await kernel.session.shell('echo "echo noise" >.bashrc; cp .bashrc .bash_profile');
    const bytes = randomBytes(20 * 1024 * 1024);
    const file = join(kernel.folder, 'file');
    await writeFile(file, bytes);
    const done = await kernel.sftp(`put ${file} taken\nget taken ${file}.back\n`);
    expect(done).toMatchObject({ exitCode: 0 });
    expect(digest(await readFile(`${file}.back`))).toBe(digest(bytes));
    expect((await kernel.session.shell('stat -c "%u %s" taken; rm .bashrc .bash_profile')).stdout).toBe(
      `${tenantId} ${bytes.length}\n`,
    );
  });

  // @promise ssh-and-terminal
  it('lets in nobody without a key of the home, and nobody else than the tenant', async () => {
    const stranger = await newKey(kernel.folder, 'stranger');
    expect(await kernel.ssh(['true'], { key: stranger })).toMatchObject({ exitCode: 255 });
    expect(await kernel.ssh(['true'], { user: 'root' })).toMatchObject({ exitCode: 255 });
    await kernel.session.shell(`echo '${(await readFile(`${stranger}.pub`, 'utf8')).trim()}' >>.ssh/authorized_keys`);
    expect(await kernel.ssh(['echo in'], { key: stranger })).toMatchObject({ stdout: 'in\n', exitCode: 0 });
  });

  it('leaves the key for people who have none in the home', async () => {
    const { stdout } = await kernel.session.shell(
      'cat id_container; stat -c %a id_container .ssh .ssh/authorized_keys',
    );
    expect(stdout).toBe(`${await readFile(kernel.loginKey, 'utf8')}600\n700\n600\n`);
  });

  it('comes back when it was killed, and ends when it is told to', async () => {
    await kernel.session.shell(
      'for p in /proc/[0-9]*; do grep -qz bin/dropbear $p/cmdline 2>/dev/null && kill -9 ${p#/proc/}; done',
    );
    await vi.waitFor(async () => expect(await kernel.ssh(['true'])).toMatchObject({ exitCode: 0 }), {
      timeout: 15_000,
      interval: 500,
    });
    await kernel.session.peer.request('stop-service', { name: 'sshd' });
    expect(await kernel.ssh(['true'])).toMatchObject({ exitCode: 255 });
    expect(await kernel.session.peer.request('start-service', { name: 'sshd', options: none })).toEqual({
      status: 'started',
    });
    expect(await kernel.ssh(['true'])).toMatchObject({ exitCode: 0 });
  });

  it('connects the kernels of a session without a question, however often it is started', async () => {
    await using main = await SshKernel.start('shell', 'kernelet/base', {
      environ: [['BACKENDAI_CLUSTER_REPLICAS', 'main:1,sub:1']],
      prepare: async (config) => {
        const key = await newKey(config, 'shared');
        const [secret, open] = [await readFile(key, 'utf8'), await readFile(`${key}.pub`, 'utf8')];
        await tenantFile(join(config, 'ssh/id_cluster'), secret, 0o600);
        await tenantFile(join(config, 'ssh/id_cluster.pub'), open, 0o644);
      },
    });
    const { peer } = main.session;
    for (let time = 0; time < 2; time++) {
      await peer.request('stop-service', { name: 'sshd' });
      await peer.request('start-service', { name: 'sshd', options: none });
    }
    const key = join(main.folder, 'config/ssh/id_cluster');
    expect(await main.ssh(['echo in'], { key })).toMatchObject({ stdout: 'in\n' });
    const config = (await main.session.shell('cat .ssh/config; stat -c %a .ssh/config')).stdout;
    expect(config.match(/^Host (main|sub)\*$/gm)).toEqual(['Host main*', 'Host sub*']);
    expect(config).toMatch(/600\n$/);
    expect((await main.session.shell('grep -c . .ssh/authorized_keys')).stdout).toBe('4\n');
  });
});

describe('in an image without anything', () => {
  it.each(['busybox', 'empty'])('the SSH server of a kernel works (%s)', async (kind) => {
    const volume = await testVolume();
    const image = `kernelet-test-ssh-${kind}`;
    if (kind === 'empty') makeEmptyImage(image);
    else await makeBusyboxImage(image, volume);
    try {
      await using bare = await SshKernel.start('app', image, { volume });
      expect(await bare.ssh(['echo $SHELL $HOME'])).toMatchObject({
        stdout: expect.stringMatching(/sh \/home\/work\n$/),
      });
      const file = join(bare.folder, 'file');
      await writeFile(file, 'content');
      expect(await bare.sftp(`put ${file} taken\nget taken ${file}.back\n`)).toMatchObject({ exitCode: 0 });
      expect(await readFile(`${file}.back`, 'utf8')).toBe('content');
    } finally {
      await docker('rmi', '-f', image);
    }
  });
});

const none = { arguments: {}, envs: {} };
