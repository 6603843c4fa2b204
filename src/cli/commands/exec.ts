/** `kernelet exec`: code or a command in a kernel. */
import { maxCodeBytes } from '../../http/limits.ts';
import { type Deadline, withDeadline } from '../../lib/deadline.ts';
import { newRunId } from '../../lib/ids.ts';
import type { ApiClient, ExecuteRequest } from '../api-client.ts';
import { type CliCommand, type CommandCall, type OptionSpec, optionName } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { parseDetachKeys } from '../detach-keys.ts';
import { exitStatus } from '../exit-status.ts';
import type { InputPort } from '../host.ts';
import { EndedBySignal, interruptMs } from '../interruption.ts';
import { contentOf, localFile } from '../local-file.ts';
import { type OptionReader, UsageError } from '../option-reader.ts';
import { detachKeysOption, limitOptions, processFields, processLimits, processOptions } from '../process-options.ts';
import { RunSession } from '../run-session.ts';
import { assertTerminal, onTerminal, TerminalSession } from '../terminal-session.ts';

/** Those that go with a command alone. */
const commandOptions: readonly OptionSpec[] = [
  { flags: '-d, --detach', help: 'run the command in the background' },
  { flags: '-t, --tty', help: 'run the command on a terminal' },
  { flags: '-i, --stdin', help: 'with --detach: keep its standard input open for attach; else it is sent anyway' },
  detachKeysOption,
  ...processOptions,
  ...limitOptions,
];

export const exec = {
  name: 'exec',
  summary: 'run code or a command in a kernel',
  description: `Three forms:
  exec ID (FILE | -c CODE | -)           like a cell of a notebook: state is kept, the last value is shown
  exec ID -- CMD...                      a command of the image; standard input goes to it
  exec -it ID CMD...                     the same on a terminal: editors, shells, whatever asks for one
  exec ID --batch [--build CMD] --exec CMD   clean, build, execute; "*" is the language's own way

Code waits for the code before it in its context, a batch for that of main; commands begin at once. The first Ctrl-C interrupts the run, a second one kills it. Code of the first
form that is killed, by that or by a limit, takes the variables with it; files stay. A program that asks a question is
answered from standard input.

With --detach the command runs on in the background, and its name or id is printed: \`kernelet processes\` lists it, and
\`kernelet attach\` shows what it has printed, of which about the newest MiB is kept.

On a terminal (--tty) every key goes to the command, Ctrl-C and Ctrl-Z too. Ctrl-P Ctrl-Q leaves it alone: it runs on, and
\`kernelet attach\` comes back to it.`,
  operands: [],
  usage: 'ID (FILE | -c CODE | - | -- CMD...)',
  passThrough: 'after-second',
  options: [
    { flags: '-c, --code <code>', help: 'the code itself' },
    { flags: '--context <name>', help: 'the context that runs the code; main when absent' },
    { flags: '--batch', help: 'clean, build and execute' },
    { flags: '--clean <command>', help: 'with --batch: what to do first' },
    { flags: '--build <command>', help: 'with --batch: how to build' },
    { flags: '--exec <command>', help: 'with --batch: how to execute' },
    ...commandOptions,
    { flags: '--timeout <duration>', help: 'kill the program after this long' },
    { flags: '--save-media <folder>', help: 'save pictures, HTML and PDF of values there' },
  ],
  examples: [
    { command: "kernelet exec 3f2a -c 'x = 41'", what: 'a name, or a unique beginning of the id, is enough' },
    { command: "kernelet exec 3f2a -c 'x + 1'", what: 'prints 42' },
    { command: 'kernelet exec 3f2a analysis.py', what: 'the code of a file on this machine' },
    { command: "kernelet exec 3f2a --context second -c 'x = 1'", what: 'with variables of its own' },
    { command: 'kernelet exec 3f2a -- ls -l', what: 'a command' },
    { command: 'kernelet exec -it 3f2a vim notes.txt', what: 'on a terminal' },
    {
      command: 'kernelet exec 3f2a -d --name web -w site -- python3 -m http.server',
      what: 'a server in the background',
    },
    { command: "kernelet exec 3f2a --batch --build '*' --exec './main'", what: 'build and run what was uploaded' },
    { command: "kernelet exec 3f2a --save-media pictures -c 'plot()'", what: 'keep the pictures' },
  ],
  async run(call) {
    const { options, operands, screen } = call;
    const [id] = operands;
    if (id === undefined) {
      const place = call.literal ? ' before the --' : '';
      throw new UsageError(`which kernel: give its id${place}`, '`kernelet ps` lists the kernels.');
    }
    const request = await requestOf(call);
    const isShown = options.flag('tty') && !options.flag('detach');
    const detachKeys = parseDetachKeys(options.text('detach-keys'));
    if (isShown) assertTerminal(screen);
    const interruption = call.listen();
    await using client = await daemonClient(call);
    if (isShown && request.mode === 'command') {
      const { signal } = interruption;
      return await new TerminalSession({ client, screen, kernel: id, request, detachKeys, signal }).show();
    }
    if (options.flag('detach')) return await detach(call, client, id, request, interruption.signal);
    const session = new RunSession({
      client,
      screen,
      kernel: id,
      request,
      saveMedia: options.text('save-media'),
      memoryBytes: null,
      signal: interruption.signal,
    });
    interruption.interruptWith(() => session.interrupt());
    try {
      return await session.show();
    } catch (error) {
      const { reason } = interruption.signal;
      if (!(reason instanceof EndedBySignal)) throw error;
      // A second Ctrl-C means it; an end of this command alone leaves the kernel's state in place.
      const hard = reason.signal === 'SIGINT' || request.mode !== 'query';
      const stop = ({ signal }: Deadline): Promise<unknown> =>
        hard ? session.kill(signal) : session.interrupt(signal);
      const { clock } = screen.io;
      await withDeadline({ what: 'the end of the run', timeoutMs: interruptMs, clock }, stop).catch(() => {});
      throw reason;
    }
  },
} satisfies CliCommand;

/** Starts a run, says its name or id, and waits for nothing of it. */
async function detach(
  { screen }: CommandCall,
  client: ApiClient,
  id: string,
  request: ExecuteRequest,
  signal: AbortSignal,
): Promise<number> {
  const run = newRunId();
  await client.execute(id, run, request, signal);
  const name = request.mode === 'command' ? request.name : undefined;
  await screen.either({ run, name: name ?? null }, () => `${name ?? run}\n`);
  return exitStatus.ok;
}

async function requestOf({ options, operands, literal, host }: CommandCall): Promise<ExecuteRequest> {
  const [id = '', ...rest] = operands;
  const timeoutMs = options.duration('timeout') ?? null;
  const code = options.text('code');
  const context = options.text('context');
  if (context !== undefined && (options.flag('batch') || literal)) {
    throw new UsageError('--context goes with FILE, -c CODE or -: batches and commands run in no context');
  }
  const batch = { clean: options.text('clean'), build: options.text('build'), exec: options.text('exec') };
  if (options.flag('batch')) {
    if (code !== undefined || rest.length > 0) throw new UsageError('--batch takes no FILE, -c or command');
    if (batch.exec === undefined && batch.build === undefined) throw new UsageError('--batch needs --exec or --build');
    const orNull = (text: string | undefined): string | null => text ?? null;
    const { clean, build, exec: execute } = batch;
    return { mode: 'batch', clean: orNull(clean), build: orNull(build), exec: orNull(execute), timeoutMs };
  }
  if (Object.values(batch).some((text) => text !== undefined)) {
    throw new UsageError('--clean, --build and --exec go with --batch');
  }
  const isCommand = literal || options.flag('tty');
  if (isCommand) {
    if (code !== undefined) throw new UsageError('give -c CODE or -- CMD, not both');
    if (rest.length === 0)
      throw new UsageError(literal ? 'no command behind --' : 'no command to run: exec -it ID CMD');
    const fields = { ...processFields(options, host.io), limits: processLimits(options), ...backgroundOf(options) };
    const request = { mode: 'command', argv: rest, ...fields, timeoutMs } as const;
    return options.flag('tty') ? onTerminal(request, host.io) : request;
  }
  const misplaced = commandOptions.map(optionName).find((name) => options.has(name));
  if (misplaced !== undefined) throw new UsageError(`--${misplaced} goes with -- CMD`);
  const [source, ...excess] = rest;
  if (code !== undefined ? rest.length > 0 : excess.length > 0) {
    throw new UsageError('exec takes no arguments for the code', commandCure(id, rest));
  }
  const text = code ?? (await codeOf(source, host.io.stdin, host.io.workingDirectory, commandCure(id, rest)));
  return { mode: 'query', code: text, context, timeoutMs };
}

/** Without --detach the run is followed from its start. */
function backgroundOf(options: OptionReader) {
  if (!options.flag('detach')) return {};
  const isOpen = options.flag('stdin') || options.flag('tty');
  return { output: 'newest', stdin: isOpen ? 'stream' : 'closed' } as const;
}

/** For those who mean a command of the image by what reads as a file with arguments. */
const commandCure = (id: string, words: readonly string[]): string =>
  `For a command of the image: \`kernelet exec ${id} -- ${words.join(' ')}\`.`;

async function codeOf(source: string | undefined, stdin: InputPort, folder: string, cure: string): Promise<string> {
  if (source === undefined) throw new UsageError('nothing to run: give FILE, -c CODE, - or -- CMD');
  const bytes = source === '-' ? await readAll(stdin) : await contentOf(await localFile(source, folder, cure));
  if (bytes.length > maxCodeBytes) {
    throw new UsageError(
      `the code has ${bytes.length} bytes; ${maxCodeBytes} at most are taken`,
      'Upload it as a file and import it from there.',
    );
  }
  return bytes.toString();
}

async function readAll(stdin: InputPort): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stdin.chunks(new AbortController().signal)) {
    size += chunk.length;
    chunks.push(chunk);
    if (size > maxCodeBytes) break;
  }
  return Buffer.concat(chunks);
}
