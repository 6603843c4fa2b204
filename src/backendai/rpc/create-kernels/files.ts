/**
 * The files that a manager wants in a kernel (spec kernel-lifecycle 5.4–5.7): the keys of its session and of its user,
 * the user's dotfiles and script, and the usual files of shells. Pure.
 */
import type { KernelFile } from '../../../kernel/spec.ts';
import { containerPaths, kernelVariables } from '../../../protocol/image-contract.ts';
import { canonical } from '../../../storage/mounts/mount-policy.ts';
import { isPlainPath } from '../../../storage/scratch-files.ts';
import { RpcFailure } from '../rpc-failure.ts';
import type { ClusterInfo, KernelConfig } from './request.ts';

/** The files, in the order in which they are written, and what was left out of them. */
export interface RequestedFiles {
  readonly files: readonly KernelFile[];
  readonly warnings: readonly string[];
}

type Dotfile = { readonly path: string; readonly perm: string; readonly data: string };

/** Chooses them. Throws AgentError for a dotfile whose mode is none. */
export function requestedFiles(config: KernelConfig, cluster: ClusterInfo): RequestedFiles {
  const { dotfiles = [], ssh_keypair: keys, docker_credentials: credentials } = config.internal_data ?? {};
  const targets = new Set(config.mounts.map(({ kernel_path }) => canonical(kernel_path)));
  const mounted = (path: string): boolean => targets.has(`${containerPaths.home}/${path}`);
  const placed = dotfiles.map((dotfile) => dotfileOf(dotfile));
  const files = [
    ...Object.entries(shellFiles).map(([path, text]) => inHome(path, text, 0o644)),
    ...clusterKeys(cluster),
    ...(keys && !mounted('.ssh') ? userKeys(keys) : []),
    ...(credentials ? [inConfig('docker-creds.json', JSON.stringify(credentials, asJson), 0o600)] : []),
    ...placed.filter((file) => file !== null),
    ...(config.bootstrap_script ? [inHome('bootstrap.sh', config.bootstrap_script, 0o644)] : []),
  ];
  const warnings = dotfiles
    .filter((_, index) => placed[index] === null)
    .map(({ path }) => `the dotfile ${path.slice(0, 200)} is left out: it does not lie in ${containerPaths.home}`);
  return { files: files.filter(({ folder, path }) => folder === 'config' || !mounted(path)), warnings };
}

const inHome = (path: string, text: string, mode: number): KernelFile => ({
  folder: 'home',
  path,
  mode,
  owner: 'tenant',
  text,
});
const inConfig = (path: string, text: string, mode: number): KernelFile => ({
  ...inHome(path, text, mode),
  folder: 'config',
});

/** Programs that read keys and shells' files want their last line whole. */
const ended = (text: string): string => (text === '' || text.endsWith('\n') ? text : `${text}\n`);

/** Whole numbers may arrive too large for JSON's own. */
const asJson = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value);

/** With them the kernels of a session log in to each other. */
function clusterKeys({ ssh_keypair: keys, cluster_ssh_port_mapping: mapping }: ClusterInfo): readonly KernelFile[] {
  if (!keys) return [];
  return [
    inConfig('ssh/id_cluster', ended(keys.private_key), 0o600),
    inConfig('ssh/id_cluster.pub', ended(keys.public_key), 0o644),
    ...(mapping && Object.keys(mapping).length > 0
      ? [inConfig('ssh/port-mapping.json', JSON.stringify(mapping), 0o644)]
      : []),
  ];
}

/** With them the user logs in to the kernel, and from it to elsewhere. */
function userKeys(keys: { readonly public_key: string; readonly private_key: string }): readonly KernelFile[] {
  const [open, secret] = [ended(keys.public_key), ended(keys.private_key)];
  return [
    inHome('.ssh/authorized_keys', open, 0o600),
    inHome('.ssh/id_rsa', secret, 0o600),
    inHome('id_container', secret, 0o600),
  ];
}

/** null for one that does not lie in the home: nothing of the host or of the image is written on a user's word (B19). */
function dotfileOf({ path, perm, data }: Dotfile): KernelFile | null {
  if (!/^0?[0-7]{3}$/.test(perm)) {
    throw new RpcFailure(
      'AgentError',
      `the mode ${JSON.stringify(perm.slice(0, 20))} of a dotfile is not three octal digits`,
    );
  }
  const home = `${containerPaths.home}/`;
  const below = path.startsWith(home) ? path.slice(home.length) : path;
  const clean = below === '' ? '' : canonical(below);
  return isPlainPath(clean) ? inHome(clean, ended(data), Number.parseInt(perm, 8)) : null;
}

/** The files with which the shells and editors of a session's home begin (spec kernel-runner 16.1). */
const bashrc = `# The prompt says which kernel of which session this is.
PS1='\\[\\e[1;32m\\]\\u@\${${kernelVariables.clusterHost}:-main}\\[\\e[0m\\]\\[\\e[1;33m\\][\${${kernelVariables.sessionName}}]\\[\\e[0m\\]:\\[\\e[1;34m\\]\\w\\[\\e[0m\\]\\$ '
case "$(uname -s)" in
  Linux) alias ls='ls --color' ;;
esac
alias ll='ls -al'
alias l='ls -a'
`;

const bashProfile = `[ -f ~/.bashrc ] && . ~/.bashrc
`;

const zshrc = `setopt prompt_subst
PROMPT='%F{green}%n@\${${kernelVariables.clusterHost}:-main}%f%F{yellow}[\${${kernelVariables.sessionName}}]%f:%F{blue}%~%f%# '
autoload -Uz compinit && compinit -d ~/.zcompdump
case "$(uname -s)" in
  Linux) alias ls='ls --color' ;;
esac
alias ll='ls -al'
alias l='ls -a'
`;

const vimrc = `set nocompatible
set encoding=utf-8
set laststatus=2
set number
set autoindent smartindent
set backspace=indent,eol,start
set ignorecase smartcase
set pastetoggle=<F2>
syntax on
`;

const tmuxConf = `new-session -s $HOST
set -g mouse on
set -g base-index 1
set -g history-limit 5000
set -g default-terminal xterm-256color
set -ga terminal-overrides ',xterm-256color:Tc'
set -sg escape-time 0
if-shell '[ -x /bin/zsh ]' 'set -g default-shell /bin/zsh'

bind c new-window
bind C-c new-window
bind d detach-client
bind C-d detach-client
bind C-h previous-window
bind C-l next-window
bind '|' split-window -h
bind '_' split-window -v
bind j select-pane -D
bind k select-pane -U
bind Tab select-pane -t :.+
bind C-o rotate-window
bind -r '<' resize-pane -L 2
bind -r '>' resize-pane -R 2
bind -r - resize-pane -D 2
bind -r + resize-pane -U 2
bind l refresh-client

if-shell '[ -f ~/.tmux.conf.local ]' 'source-file ~/.tmux.conf.local'
`;

/** Texts by path in the home. */
export const shellFiles: Readonly<Record<string, string>> = {
  '.bashrc': bashrc,
  '.bash_profile': bashProfile,
  '.zshrc': zshrc,
  '.vimrc': vimrc,
  '.tmux.conf': tmuxConf,
};
