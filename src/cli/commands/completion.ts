/** `kernelet completion`: what a shell needs to complete the program's commands, options, ids and names. */
import { type CliCommand, commonOptions } from '../command.ts';
import { completions, namesOfKernels } from '../completion.ts';
import { daemonClient } from '../connect.ts';
import { exitStatus } from '../exit-status.ts';
import { UsageError } from '../option-reader.ts';

/** How long a shell waits for the ids of kernels; a daemon that is not there answers at once. */
const answerMs = 1_000;

/** Each asks the program for lines of `WORD` or `WORD<tab>WHAT IT IS`; none: the shell completes paths. */
const scripts: Readonly<Record<string, string>> = {
  bash: `_kernelet() {
  local IFS=$'\\n'
  COMPREPLY=($("\${COMP_WORDS[0]}" completion candidates -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1))
}
complete -o default -F _kernelet kernelet
`,
  zsh: `#compdef kernelet
_kernelet() {
  local -a lines
  local tab=$'\\t'
  lines=("\${(@f)$("$words[1]" completion candidates -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$lines[1]" ]]; then
    lines=("\${(@)lines//:/\\\\:}")
    lines=("\${(@)lines/$tab/:}")
    _describe kernelet lines
  else
    _files
  fi
}
compdef _kernelet kernelet
`,
  fish: `function __kernelet_candidates
  set -l words (commandline -opc) (commandline -ct)
  $words[1] completion candidates -- $words[2..-1] 2>/dev/null
end
complete -c kernelet -a '(__kernelet_candidates)'
`,
};

export const completion = {
  name: 'completion',
  summary: 'complete command lines in a shell',
  description: `Prints a script for bash, zsh or fish, by which the shell completes commands, options, and the ids and names of kernels.`,
  operands: [],
  usage: '(bash | zsh | fish)',
  passThrough: 'after-first',
  options: [],
  examples: [
    { command: 'source <(kernelet completion bash)', what: 'in ~/.bashrc; for zsh in ~/.zshrc' },
    { command: 'kernelet completion fish > ~/.config/fish/completions/kernelet.fish', what: 'for fish' },
  ],
  async run(call) {
    const { operands, screen, table } = call;
    const [shell = '', ...words] = operands;
    if (shell === 'candidates') {
      const lines = await completions(words[0] === '--' ? words.slice(1) : words, {
        table,
        common: commonOptions,
        kernels: async () => {
          await using client = await daemonClient(call);
          return namesOfKernels(await client.list({}, { signal: AbortSignal.timeout(answerMs), retry: 'never' }));
        },
      });
      await screen.io.stdout.write(lines.map((line) => `${line}\n`).join(''));
      return exitStatus.ok;
    }
    const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined;
    if (script === undefined) throw new UsageError(`for which shell: give ${Object.keys(scripts).join(', ')}`);
    await screen.either({ shell, script }, () => script);
    return exitStatus.ok;
  },
} satisfies CliCommand;
