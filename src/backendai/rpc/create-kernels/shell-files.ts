/** The files with which the shells and editors of a session's home begin (spec kernel-runner 16.1). */
import { kernelVariables } from '../../../protocol/image-contract.ts';

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
