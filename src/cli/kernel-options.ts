/** The options that `run` and `create` share, and the request that they make. */
import { resolve } from 'node:path';
import type { KernelMount } from '../kernel/spec.ts';
import { didYouMean } from '../lib/nearest-name.ts';
import { languageNames, type RuntimeInfo, runtimeByLanguage, runtimeTable } from '../protocol/runtimes.ts';
import type { CreateBody } from './api-client.ts';
import type { OptionSpec } from './command.ts';
import type { CliIo } from './host.ts';
import { contentOf, localFile } from './local-file.ts';
import { type OptionReader, UsageError } from './option-reader.ts';

/** What `languageOf` reads. */
export const languageOption: OptionSpec = {
  flags: '--lang <language>',
  help: `language: ${languageNames().join(', ')}`,
};

export const kernelOptions: readonly OptionSpec[] = [
  { flags: '--image <reference>', help: 'image to run in; else picked, and built once, from the language' },
  languageOption,
  { flags: '--name <name>', help: 'a name, which stands for its id' },
  { flags: '--label <key=value>', help: 'label, by which `ps --filter` finds it', repeat: true },
  { flags: '--pull <when>', help: 'pull the image (default missing)', choices: ['never', 'missing', 'always'] },
  { flags: '--cpus <number>', help: 'CPUs, fractions allowed (default 1)' },
  { flags: '-m, --mem <size>', help: 'memory, such as 512m or 1.5g (default 1g)' },
  { flags: '--processes <number>', help: 'most processes and threads (default 512)' },
  { flags: '--disk <size>', help: 'most that the files of its home may take, such as 500m (default no limit)' },
  { flags: '--bandwidth <rate>', help: 'most of its network each way, such as 10mbit (default no limit)' },
  { flags: '--accelerator <slot=amount>', help: 'accelerator, such as cuda.device=1', repeat: true },
  {
    flags: '-e, --env <name=value>',
    help: 'variable; without a value, it is taken from here, unseen by others',
    repeat: true,
  },
  { flags: '--env-file <path>', help: 'file of variables, a line each as --env takes it', repeat: true },
  {
    flags: '-v, --mount <host:container[:ro]>',
    help: 'mount a host folder that the configuration allows',
    repeat: true,
  },
  { flags: '--network <kind>', help: 'network (default bridge)', choices: ['none', 'bridge'] },
  { flags: '--runtime <name>', help: 'OCI runtime, such as runsc, where the configuration allows it' },
  { flags: '--writable', help: 'a root file system that can be written, not only the home and /tmp' },
  { flags: '-p, --publish <port>', help: 'publish a container port on 127.0.0.1', repeat: true },
];

/** Against the authority of the cluster that the node is a member of. */
export const forceOption: OptionSpec = { flags: '--force', help: 'also where the cluster decides' };

/** `--lang`, checked. */
export function languageOf(options: OptionReader): RuntimeInfo | undefined {
  const name = options.text('lang');
  if (name === undefined) return undefined;
  const runtime = runtimeByLanguage(name);
  if (runtime) return runtime;
  const known = runtimeTable.flatMap((info) => info.languages);
  throw new UsageError(
    `--lang ${JSON.stringify(name)} is not a language that is known here${didYouMean(name, known)}`,
    `Give one of ${languageNames().join(', ')}, or --image.`,
  );
}

/** The request for a kernel. `language` is a runtime type. */
export async function createBody(
  options: OptionReader,
  io: CliIo,
  rest: { readonly language: string | undefined; readonly interpreter: 'eager' | 'lazy' },
): Promise<CreateBody> {
  const environ = [...(await linesOf(options.list('env-file'), io)), ...options.list('env')];
  return definedOnly({
    image: options.text('image'),
    name: options.text('name'),
    labels: labelsOf(options.list('label')),
    language: rest.language,
    pull: options.choice('pull', ['never', 'missing', 'always']),
    cpus: options.number('cpus'),
    memoryBytes: options.byteSize('mem'),
    processes: options.integer('processes', { min: 1 }),
    homeBytes: options.byteSize('disk'),
    bitsPerSecond: options.bitRate('bandwidth'),
    accelerators: acceleratorsOf(options.list('accelerator')),
    environ: environOf(environ, io),
    mounts: options.list('mount').map((text) => mountOf(text, io)),
    network: options.choice('network', ['none', 'bridge']),
    publish: options.list('publish').map(portOf),
    ociRuntime: options.text('runtime'),
    writableRoot: options.flag('writable') || undefined,
    interpreter: rest.interpreter,
  });
}

function definedOnly(body: { [Key in keyof CreateBody]: CreateBody[Key] | undefined }): CreateBody {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
}

/** The last one of a key counts. */
function labelsOf(list: readonly string[]): Record<string, string> | undefined {
  const pairs = list.map((text): [string, string] => {
    const [, key, value] = /^([^=]+)(?:=(.*))?$/s.exec(text) ?? [];
    if (key !== undefined) return [key, value ?? ''];
    throw new UsageError('--label without a key: give KEY=VALUE, or KEY');
  });
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
}

function acceleratorsOf(list: readonly string[]): Record<string, string> | undefined {
  const pairs = list.map((text): [string, string] => {
    const [, slot, amount] = /^([^=]+\.[^=]+)=(\d+(?:\.\d+)?)$/.exec(text) ?? [];
    if (slot !== undefined && amount !== undefined) return [slot, amount];
    throw new UsageError(`--accelerator ${JSON.stringify(text)} is not SLOT=AMOUNT, such as cuda.device=1`);
  });
  const slots = pairs.map(([slot]) => slot);
  const twice = slots.find((slot, index) => slots.indexOf(slot) !== index);
  if (twice !== undefined) throw new UsageError(`--accelerator ${twice} is given twice: give it once, with the sum`);
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
}

/** Variables of `--env`, from this process where no value is given. */
export function environOf(list: readonly string[], io: CliIo): Record<string, string> {
  const pairs = list.map((text): [string, string] => {
    const at = text.indexOf('=');
    if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
    if (at === 0 || text === '') throw new UsageError('--env without a name: give NAME=VALUE, or NAME');
    const value = io.environ[text];
    if (value === undefined) throw new UsageError(`--env ${text}: there is no such variable here: give ${text}=VALUE`);
    return [text, value];
  });
  // A program may run for long, and `ps` shows everybody its arguments.
  if (list.some((text) => text.includes('='))) io.hideArguments();
  return Object.fromEntries(pairs);
}

/** Lines of files of variables: blank ones and those that begin with `#` say nothing. */
async function linesOf(paths: readonly string[], { workingDirectory }: CliIo): Promise<readonly string[]> {
  const texts = await Promise.all(
    paths.map(async (path) => (await contentOf(await localFile(path, workingDirectory))).toString()),
  );
  return texts.flatMap((text) => text.split(/\r?\n/)).filter((line) => !/^\s*(#|$)/.test(line));
}

function mountOf(text: string, io: CliIo): KernelMount {
  const form = /^(?<source>[^:]+):(?<target>\/[^:]*)(?::(?<mode>ro|rw))?$/s.exec(text);
  const { source, target, mode } = form?.groups ?? {};
  if (source === undefined || target === undefined) {
    throw new UsageError(`--mount ${JSON.stringify(text)} is not HOST:CONTAINER or HOST:CONTAINER:ro`);
  }
  return { source: resolve(io.workingDirectory, source), target, readOnly: mode === 'ro' };
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  const [, inside] = /:(\d{1,5})$/.exec(text) ?? [];
  if (inside !== undefined)
    throw new UsageError(
      `--publish ${JSON.stringify(text)} names a port of this machine, and those are chosen by kernelet`,
      `Give --publish ${inside}: \`kernelet inspect ID\` shows which port of 127.0.0.1 it is.`,
    );
  throw new UsageError(`--publish ${JSON.stringify(text)} is not a port from 1 to 65535`);
}
