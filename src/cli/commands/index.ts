/** The table of commands. A command's file is loaded when the command is run. */
import type { CliCommand } from '../command.ts';

/** A command that can be loaded. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<CliCommand>;
}

const entry = (name: string, summary: string, load: () => Promise<CliCommand>): CommandEntry => ({
  name,
  summary,
  load,
});

/** First words of commands that have two, with what help says of them. */
export const groups: readonly { readonly name: string; readonly summary: string }[] = [
  { name: 'context', summary: 'interpreters of a kernel' },
  { name: 'service', summary: 'applications of kernels' },
  { name: 'image', summary: 'images and their labels' },
  { name: 'engine', summary: 'the container engine' },
  { name: 'config', summary: 'the configuration' },
];

/** All commands, in the order in which help lists them. */
export const commandTable: readonly CommandEntry[] = [
  entry('run', 'run a program in a fresh container, once', async () => (await import('./run.ts')).run),
  entry('serve', 'the daemon', async () => (await import('./serve.ts')).serve),
  entry('create', 'create a kernel', async () => (await import('./create.ts')).create),
  entry('ps', 'list kernels', async () => (await import('./ps.ts')).ps),
  entry('inspect', 'show everything about a kernel', async () => (await import('./inspect.ts')).inspect),
  entry('exec', 'run code or a command in a kernel', async () => (await import('./exec.ts')).exec),
  entry('shell', 'open a shell in a kernel', async () => (await import('./shell.ts')).shell),
  entry('processes', 'list what runs in a kernel', async () => (await import('./processes.ts')).processes),
  entry('attach', 'show a command in the background', async () => (await import('./attach.ts')).attach),
  entry('kill', 'end or signal what runs in a kernel', async () => (await import('./kill.ts')).kill),
  entry('complete', 'complete code', async () => (await import('./complete.ts')).complete),
  entry('interrupt', 'interrupt what a kernel runs', async () => (await import('./interrupt.ts')).interrupt),
  entry('restart', 'give a kernel a fresh container', async () => (await import('./restart.ts')).restart),
  entry('restore', 'bring back what ended unasked', async () => (await import('./restore.ts')).restore),
  entry('rm', 'remove kernels', async () => (await import('./rm.ts')).rm),
  entry('upload', 'copy files into a kernel', async () => (await import('./upload.ts')).upload),
  entry('download', 'copy a file or folder out of a kernel', async () => (await import('./download.ts')).download),
  entry('ls', 'list files of a kernel', async () => (await import('./ls.ts')).ls),
  entry('logs', "show the log of a kernel's container", async () => (await import('./logs.ts')).logs),
  entry('stats', 'show what kernels use', async () => (await import('./stats.ts')).stats),
  entry('events', 'show what happens to kernels', async () => (await import('./events.ts')).events),
  entry('context create', 'make a context', async () => (await import('./context-create.ts')).contextCreate),
  entry('context ls', 'list contexts', async () => (await import('./context-ls.ts')).contextLs),
  entry('context restart', 'start one anew', async () => (await import('./context-restart.ts')).contextRestart),
  entry('context rm', 'remove contexts', async () => (await import('./context-rm.ts')).contextRm),
  entry('service start', 'start an application', async () => (await import('./service-start.ts')).serviceStart),
  entry('service stop', 'end an application', async () => (await import('./service-stop.ts')).serviceStop),
  entry('image ls', 'list images', async () => (await import('./image-ls.ts')).imageLs),
  entry('image build', 'build an image from its recipe', async () => (await import('./image-build.ts')).imageBuild),
  entry('image inspect', 'show an image and its labels', async () => (await import('./image-inspect.ts')).imageInspect),
  entry('image pull', 'pull an image', async () => (await import('./image-pull.ts')).imagePull),
  entry('image rm', 'remove images', async () => (await import('./image-rm.ts')).imageRm),
  entry('engine accept', 'go on with another engine', async () => (await import('./engine-accept.ts')).engineAccept),
  entry('config show', 'show the effective configuration', async () => (await import('./config-show.ts')).configShow),
  entry('config validate', 'check a file', async () => (await import('./config-validate.ts')).configValidate),
  entry('config schema', 'print the JSON Schema', async () => (await import('./config-schema.ts')).configSchema),
  entry('doctor', 'find out what is missing on this machine', async () => (await import('./doctor.ts')).doctor),
];

const valued = new Set(['--socket', '--state-dir']);

/** The command of the table that an argument list names, before anything is parsed. */
export function findCommand(table: readonly CommandEntry[], argv: readonly string[]): CommandEntry | undefined {
  const words: string[] = [];
  for (let index = 0; index < argv.length && words.length < 2; index += 1) {
    const word = argv[index] ?? '';
    if (valued.has(word)) index += 1;
    else if (!word.startsWith('-')) words.push(word);
    else if (word === '--') break;
  }
  const [first = '', second = ''] = words;
  return table.find(({ name }) => name === first || name === `${first} ${second}`);
}
