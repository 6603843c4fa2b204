/** `kernelet run`: create, execute, stream, destroy. */
import type { Kernel } from '../../http/api-types.ts';
import { hasCode, toKerneletError } from '../../lib/errors.ts';
import { newRunId } from '../../lib/ids.ts';
import { type RuntimeInfo, runtimeByShebang, runtimeBySuffix } from '../../protocol/runtimes.ts';
import type { ApiClient, AttachedKernel, CreateBody, ExecuteRequest } from '../api-client.ts';
import type { CliCommand, CommandCall } from '../command.ts';
import { anyClient, daemonClient } from '../connect.ts';
import { exitStatus } from '../exit-status.ts';
import { type HomeFiles, homeFiles, inHome } from '../home-files.ts';
import type { Interruption } from '../interruption.ts';
import { createBody, forceOption, kernelOptions, languageOf } from '../kernel-options.ts';
import { fileHead, type LocalFile, localFile } from '../local-file.ts';
import { type OptionReader, UsageError } from '../option-reader.ts';
import { workdirOption } from '../process-options.ts';
import { Progress } from '../progress.ts';
import { RunSession } from '../run-session.ts';
import type { Screen } from '../screen.ts';
import { assertTerminal, onTerminal, TerminalSession } from '../terminal-session.ts';

export const run = {
  name: 'run',
  summary: 'run a program in a fresh container, once',
  description: `Creates a kernel, runs the program in it, streams its output, and removes the kernel.

Behaves like \`python3 FILE\` or \`python3 -c\` and their like: standard input goes to the program, the exit status is
the program's own. A running daemon does the work; without one, this command does it by itself. The first Ctrl-C
interrupts the program, a second one removes the kernel.

Without --image the image is picked, and built once, from --lang, the file's ending or its first line; code without
any of them is Python. Options stand before FILE; what follows it belongs to the program.`,
  operands: [],
  usage: '(FILE | -c CODE | -) [ARGS...]',
  passThrough: 'after-first',
  options: [
    { flags: '-c, --code <code>', help: 'the program itself' },
    { flags: '-t, --tty', help: 'run it on a terminal, whose keys all go to it' },
    { flags: '-i, --stdin', help: 'nothing: standard input is sent anyway' },
    ...kernelOptions,
    { flags: '--timeout <duration>', help: 'kill the program after this long, such as 500ms, 30s or 5m' },
    workdirOption,
    { flags: '-d, --detach', help: 'leave it running in a kernel that stays, and print the id' },
    { flags: '--file <path>', help: "put a file into the kernel's home first", repeat: true },
    { flags: '--dir <folder>', help: 'put what is in a folder into the home first, such as the modules beside FILE' },
    forceOption,
  ],
  retired: [
    {
      flags: '--save-media <folder>',
      refusal:
        'a program has no values that could be saved. For those of code: `kernelet create`, then `kernelet exec ID --save-media FOLDER FILE`',
    },
  ],
  examples: [
    { command: 'kernelet run hello.py', what: 'a Python file' },
    { command: "kernelet run -c 'import sys; print(sys.argv)' a b", what: 'a piece of Python with arguments' },
    {
      command: "printf '1\\n2\\n' | kernelet run --lang shell -c 'sort -r'",
      what: 'standard input goes to the program',
    },
    {
      command: 'kernelet run --mem 256m --timeout 10s --network none main.c',
      what: 'C, compiled and run, within limits',
    },
    { command: "kernelet run --image debian:bookworm -c 'cat /etc/os-release'", what: 'any image: a shell by default' },
    { command: "kernelet run -it --image debian:bookworm -c 'exec bash'", what: 'a shell, with the terminal' },
    { command: 'kernelet run --file data.csv analyse.py', what: 'with a file beside the program' },
    { command: 'kernelet run --dir project project/main.py', what: 'with the modules beside the program' },
    { command: 'kernelet run -d --name web -p 8000 server.py', what: 'in the background: kernelet attach web program' },
  ],
  async run(call) {
    if (call.options.flag('tty')) {
      if (call.options.flag('detach'))
        throw new UsageError(
          '--tty and --detach: a terminal needs somebody at it',
          'For later: `kernelet create`, then `kernelet shell ID`.',
        );
      assertTerminal(call.screen);
    }
    const shot = await planOf(call);
    if (call.options.flag('detach')) return await runInBackground(call, shot);
    return await runOnce(call, shot, () => anyClient(call));
  },
} satisfies CliCommand;

async function planOf({ options, operands, host, screen }: CommandCall): Promise<OneShot> {
  const { workingDirectory } = host.io;
  const program = await programOf(options, operands, workingDirectory);
  const home = await homeFiles(program.file, options, screen);
  const language = languageOf(options) ?? program.runtime;
  const withoutHint = language === undefined && options.text('image') === undefined;
  if (withoutHint && program.file) {
    throw new UsageError(
      `the language of ${JSON.stringify(program.file.name)} is not known`,
      'Give --lang, or --image, or a first line such as #!/usr/bin/env python3.',
    );
  }
  const request = {
    mode: 'program',
    source: program.source,
    args: program.args,
    cwd: options.text('workdir'),
    timeoutMs: options.duration('timeout') ?? null,
    ...(options.flag('detach') ? background : {}),
  } as const;
  return {
    create: await createBody(options, host.io, {
      language: language?.type ?? (withoutHint ? 'python' : undefined),
      interpreter: 'lazy',
    }),
    home,
    request: options.flag('tty') ? onTerminal(request, host.io) : request,
    force: options.flag('force'),
  };
}

/** Of a program that nobody waits for: its run is called so, and it keeps its newest output for whoever looks. */
const background = { name: 'program', output: 'newest', stdin: 'closed' } as const;

interface Program {
  readonly source: Extract<ExecuteRequest, { mode: 'program' }>['source'];
  readonly args: readonly string[];
  readonly file?: LocalFile;
  readonly runtime?: RuntimeInfo | undefined;
}

async function programOf(options: OptionReader, operands: readonly string[], folder: string): Promise<Program> {
  const code = options.text('code');
  if (code !== undefined) {
    return { source: { from: 'code', code }, args: operands, runtime: runtimeByShebang(code) ?? undefined };
  }
  const [name, ...args] = operands;
  if (name === undefined) {
    throw new UsageError('nothing to run: give FILE, -c CODE or -', '`kernelet run --help` shows how.');
  }
  if (name === '-') return { source: { from: 'stdin' }, args };
  const file = inHome(await localFile(name, folder), options, folder);
  const runtime = runtimeBySuffix(file.name) ?? runtimeByShebang(await fileHead(file, 256)) ?? undefined;
  return { source: { from: 'file', path: file.name }, args, file, runtime };
}

interface OneShot {
  readonly create: CreateBody;
  readonly home: HomeFiles;
  readonly request: Extract<ExecuteRequest, { mode: 'program' }>;
  /** Also where the cluster decides. */
  readonly force: boolean;
}

/**
 * Should this command be killed together with the daemon, nobody is left to remove the kernel: then the next daemon
 * does, after it has been idle for so long.
 */
const orphanTimeoutMs = 60_000;

/** Runs the program in a kernel of its own, which is removed before the command ends, whatever happens. */
async function runOnce(call: CommandCall, shot: OneShot, connect: () => Promise<ApiClient>): Promise<number> {
  const { screen } = call;
  const interruption = call.listen();
  await using client = await connect();
  const attached = await createKernel(client, shot, screen, interruption.signal);
  try {
    return await runIn(client, attached, shot, screen, interruption);
  } finally {
    await removeKernel(client, attached, screen);
  }
}

/** Begins the program in a kernel that stays. */
async function runInBackground(call: CommandCall, shot: OneShot): Promise<number> {
  if (shot.request.source.from === 'stdin')
    throw new UsageError('--detach goes with FILE or -c CODE: nothing is sent to a program in the background');
  const { screen } = call;
  const { signal } = call.listen();
  await using client = await daemonClient(call);
  const kernel = await (async () => {
    await using progress = new Progress(screen);
    return await client.create(shot.create, (state) => progress.update(state), signal, shot.force);
  })();
  try {
    await fillHome(client, kernel, shot.home, signal);
    await client.execute(kernel.id, newRunId(), shot.request, signal);
  } catch (error) {
    await client.destroy(kernel.id, { force: true, forget: true }).catch(() => {});
    throw error;
  }
  await sayAbout(kernel, screen);
  await screen.either(kernel, () => `${kernel.id}\n`);
  return exitStatus.ok;
}

/** Does not reject: how the program ended counts more. A kernel that could not be removed is named. */
async function removeKernel(client: ApiClient, { kernel, release }: AttachedKernel, screen: Screen): Promise<void> {
  try {
    await client.destroy(kernel.id, { force: true, forget: true });
  } catch (error) {
    if (hasCode(error, 'KERNEL_NOT_FOUND')) return;
    await screen.note(`the kernel ${kernel.id} could not be removed: ${toKerneletError(error).message}`);
  } finally {
    release();
  }
}

async function createKernel(
  client: ApiClient,
  shot: OneShot,
  screen: Screen,
  signal: AbortSignal,
): Promise<AttachedKernel> {
  await using progress = new Progress(screen);
  const body = { ...shot.create, idleTimeoutMs: orphanTimeoutMs };
  return await client.createAttached(body, (state) => progress.update(state), signal, shot.force);
}

async function fillHome(client: ApiClient, { id }: Kernel, home: HomeFiles, signal: AbortSignal): Promise<void> {
  for (const folder of home.folders) await client.files.makeFolder(id, folder, signal);
  for (const file of home.files) await client.files.upload(id, file.name, file, signal);
}

async function sayAbout({ warnings, ports }: Kernel, screen: Screen): Promise<void> {
  for (const warning of warnings) await screen.note(warning);
  for (const { containerPort, hostPort } of ports) {
    await screen.note(`port ${containerPort} is published on 127.0.0.1:${hostPort}`);
  }
}

async function runIn(
  client: ApiClient,
  { kernel }: AttachedKernel,
  shot: OneShot,
  screen: Screen,
  interruption: Interruption,
): Promise<number> {
  const { signal } = interruption;
  await sayAbout(kernel, screen);
  await fillHome(client, kernel, shot.home, signal);
  if (shot.request.tty) {
    // Nobody could come back: the kernel goes with this command.
    const detachKeys = new Uint8Array();
    return await new TerminalSession({
      client,
      screen,
      kernel: kernel.id,
      request: shot.request,
      detachKeys,
      signal,
    }).show();
  }
  const session = new RunSession({
    client,
    screen,
    kernel: kernel.id,
    request: shot.request,
    memoryBytes: kernel.limits.memoryBytes,
    homeBytes: kernel.limits.homeBytes,
    signal,
  });
  interruption.interruptWith(() => session.interrupt());
  return await session.show();
}
