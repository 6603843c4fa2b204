import { describe, expect, it } from 'vitest';
import { kernelConfigFixture } from '../../../../test/support/create-kernels-request.ts';
import { requestedFiles, shellFiles } from './files.ts';
import { clusterInfo, kernelConfig } from './request.ts';

const keys = { public_key: 'ssh-rsa AAAA work', private_key: '-----KEY-----' };
const mount = { name: 'm', vfid: 'x', vfsubpath: '.', host_path: '/srv/m', mount_perm: 'rw', usage_mode: 'general' };

/** The files of a kernel beside the shells' own, each as `folder/path mode`, with their texts. */
function files(change: object, cluster: object = {}) {
  const config = kernelConfig.parse(kernelConfigFixture(change as never));
  const whole = { mode: 'single-node', size: 1, replicas: {}, ssh_keypair: null, cluster_ssh_port_mapping: null };
  const made = requestedFiles(config, clusterInfo.parse({ ...whole, ...cluster }));
  const beside = made.files.filter(({ path, text }) => shellFiles[path] !== text);
  return {
    names: beside.map(({ folder, path, mode }) => `${folder}/${path} ${mode.toString(8)}`),
    texts: Object.fromEntries(beside.map(({ path, text }) => [path, text])),
    owners: new Set(beside.map(({ owner }) => owner)),
    warnings: made.warnings,
    all: made.files.map(({ path }) => path),
  };
}

const dotfiles = (...list: readonly object[]) => ({ internal_data: { dotfiles: list } });

describe('the files of a requested kernel', () => {
  it('are those of shells and nothing else, when nothing else is requested', () => {
    expect(files({})).toMatchObject({ names: [], warnings: [] });
    expect(files({}).all).toEqual(['.bashrc', '.bash_profile', '.zshrc', '.vimrc', '.tmux.conf']);
  });

  it('are the keys of the session and of the user, whole lines for their readers alone', () => {
    const mapping = { main1: ['10.0.0.1', 30_001] };
    const { names, texts, owners } = files(
      { internal_data: { ssh_keypair: keys } },
      { ssh_keypair: keys, cluster_ssh_port_mapping: mapping },
    );
    expect(names).toEqual([
      'config/ssh/id_cluster 600',
      'config/ssh/id_cluster.pub 644',
      'config/ssh/port-mapping.json 644',
      'home/.ssh/authorized_keys 600',
      'home/.ssh/id_rsa 600',
      'home/id_container 600',
    ]);
    expect(texts['.ssh/id_rsa']).toBe('-----KEY-----\n');
    expect(texts['.ssh/authorized_keys']).toBe('ssh-rsa AAAA work\n');
    expect(JSON.parse(texts['ssh/port-mapping.json'] ?? '')).toEqual(mapping);
    expect([...owners]).toEqual(['tenant']);
  });

  it('leave a mounted .ssh alone', () => {
    const mounts = [{ ...mount, kernel_path: '/home/work/.ssh/' }];
    expect(files({ mounts, internal_data: { ssh_keypair: keys } }).names).toEqual([]);
  });

  it('are dotfiles in their order, in the home and nowhere else', () => {
    const dotfile = { perm: '600', data: 'x' };
    const { names, texts, warnings } = files(
      dotfiles(
        { path: '.vimrc', perm: '644', data: 'set nu\n' },
        { path: '/home/work/.config/rc', ...dotfile },
        { path: './.a/../.b', ...dotfile },
        ...['/etc/passwd', '../x', '/home/other/x', '/home/work/../config/x', '.', '', '/'].map((path) => ({
          path,
          ...dotfile,
        })),
      ),
    );
    expect(names).toEqual(['home/.vimrc 644', 'home/.config/rc 600', 'home/.b 600']);
    expect(texts['.vimrc']).toBe('set nu\n');
    expect(texts['.b']).toBe('x\n');
    expect(warnings).toHaveLength(7);
    expect(warnings[0]).toContain('/etc/passwd');
  });

  it('are refused with a mode that is none', () => {
    expect(() => files(dotfiles({ path: '.a', perm: '999', data: '' }))).toThrow('three octal digits');
    expect(() => files(dotfiles({ path: '.a', perm: '4755', data: '' }))).toThrow('three octal digits');
  });

  it('are the user’s script, last, and credentials for the engine', () => {
    const { names, texts } = files({
      bootstrap_script: 'echo hi',
      internal_data: {
        docker_credentials: { auths: { r: { auth: 'x' } } },
        dotfiles: [{ path: 'bootstrap.sh', perm: '600', data: 'no' }],
      },
    });
    expect(names).toEqual(['config/docker-creds.json 600', 'home/bootstrap.sh 600', 'home/bootstrap.sh 644']);
    expect(texts['bootstrap.sh']).toBe('echo hi');
    expect(JSON.parse(texts['docker-creds.json'] ?? '')).toEqual({ auths: { r: { auth: 'x' } } });
  });
});
