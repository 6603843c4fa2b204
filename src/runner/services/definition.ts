/**
 * Service definitions: what an image says of one of its applications (spec kernel-runner 12.1, 12.3). Pure. The image is
 * anybody's, so a definition that is not exactly one is refused as a whole. It is not read by `lib/json-reader.ts`: every list
 * and text has a bound of its own, and who wrote the file is told of it in the words that definitions are documented with.
 */

import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { type FlagValue, maxWord, maxWords, shellCommand } from '../../protocol/kernel-services.ts';

/** Something to do before a service starts; the texts are templates. */
export type Action = {
  /** The variable that gets the result; null = none. */
  readonly ref: string | null;
} & (
  | {
      readonly do: 'write_file';
      readonly filename: string;
      readonly body: Lines;
      readonly mode: string;
      readonly append: boolean;
    }
  | { readonly do: 'write_tempfile'; readonly body: Lines; readonly mode: string }
  | { readonly do: 'mkdir'; readonly path: string }
  | { readonly do: 'run_command'; readonly command: Lines; readonly echo: boolean }
  | { readonly do: 'log'; readonly message: string; readonly debug: boolean }
);

type Lines = readonly string[];

/** How a service is started; `command` and `env` are templates. */
export interface ServiceDefinition {
  readonly command: Lines;
  /** There is nothing to start. */
  readonly noop: boolean;
  readonly urlTemplate: string;
  readonly prestart: readonly Action[];
  readonly env: readonly (readonly [string, string])[];
  readonly allowedEnvs: readonly string[];
  readonly allowedArguments: readonly string[];
  readonly defaultArguments: Readonly<Record<string, FlagValue>>;
}

/** A definition that is not one; the message says where. */
export class DefinitionError extends Error {}

type Fields = Readonly<Record<string, unknown>>;

const maxItems = 256;
const maxText = 64 * 1024;
const known = [
  'command',
  'shell',
  'noop',
  'url_template',
  'prestart',
  'prestart_actions',
  'env',
  'allowed_envs',
  'allowed_arguments',
  'default_arguments',
];

/** Reads the text of a definition. Throws DefinitionError. */
export function parseDefinition(text: string): ServiceDefinition {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message would show what is in the file.
    throw new DefinitionError('it is not JSON');
  }
  const fields = object(value, 'the definition');
  const unknown = Object.keys(fields).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new DefinitionError(`${JSON.stringify(unknown.slice(0, 80))} is not a known field`);
  const noop = flag(fields['noop'], 'noop');
  const prestart = list(fields['prestart'] ?? fields['prestart_actions'] ?? [], 'prestart').map(parseAction);
  const command = commandOf(fields, noop, prestart);
  if (command.length === 0 && !noop) throw new DefinitionError('command is empty');
  return {
    command,
    noop,
    urlTemplate: word(fields['url_template'] ?? '', 'url_template'),
    prestart,
    env: Object.entries(object(fields['env'] ?? {}, 'env')).map(([name, value]) => [name, string(value, 'env')]),
    allowedEnvs: words(fields['allowed_envs'] ?? [], 'allowed_envs'),
    allowedArguments: words(fields['allowed_arguments'] ?? [], 'allowed_arguments'),
    defaultArguments: Object.fromEntries(
      Object.entries(object(fields['default_arguments'] ?? {}, 'default_arguments')).map(([name, value]) => [
        name,
        value === null ? null : Array.isArray(value) ? lines(value, name) : string(value, name),
      ]),
    ),
  };
}

/** Words, or one text, which `shell` gets. */
function commandOf(fields: Fields, noop: boolean, prestart: readonly Action[]): Lines {
  const [command, shell] = [fields['command'], string(fields['shell'] ?? 'bash', 'shell')];
  if (typeof command !== 'string') return lines(command ?? (noop ? [] : undefined), 'command');
  const results = prestart.flatMap(({ ref }) => ref ?? []);
  return command === '' ? [] : shellCommand(string(command, 'command'), shell, results);
}

/** Reads an action: a map with `action`, `args` and perhaps `ref`. Throws DefinitionError. */
export function parseAction(value: unknown): Action {
  const fields = object(value, 'an action');
  const args = object(fields['args'] ?? {}, 'args');
  const ref = fields['ref'] === undefined || fields['ref'] === null ? null : string(fields['ref'], 'ref');
  const body = (): Lines => lines(args['body'], 'body');
  const mode = (): string => permissions(args['mode'] ?? '644');
  switch (fields['action']) {
    case 'write_file': {
      const filename = string(args['filename'], 'filename');
      return { do: 'write_file', filename, body: body(), mode: mode(), append: flag(args['append'], 'append'), ref };
    }
    case 'write_tempfile':
      return { do: 'write_tempfile', body: body(), mode: mode(), ref };
    case 'mkdir':
      return { do: 'mkdir', path: string(args['path'], 'path'), ref };
    case 'run_command': {
      const command = lines(args['command'], 'command');
      if (command.length === 0) throw new DefinitionError('command of run_command is empty');
      return { do: 'run_command', command, echo: flag(args['echo'], 'echo'), ref };
    }
    case 'log':
      // Upstream's documentation calls it `body`.
      return {
        do: 'log',
        message: string(args['message'] ?? args['body'], 'message'),
        debug: flag(args['debug'], 'debug'),
        ref,
      };
    default:
      throw new DefinitionError('action is none of write_file, write_tempfile, mkdir, run_command, log');
  }
}

function object(value: unknown, what: string): Fields {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new DefinitionError(`${what} is not a map`);
  if (Object.keys(value).length > maxItems) throw new DefinitionError(`${what} has more than ${maxItems} items`);
  return value as Fields;
}

function list(value: unknown, what: string, max = maxItems): readonly unknown[] {
  if (!Array.isArray(value)) throw new DefinitionError(`${what} is not a list`);
  if (value.length > max) throw new DefinitionError(`${what} has more than ${max} items`);
  return value;
}

function string(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new DefinitionError(`${what} is not a text`);
  if (value.length > maxText || value.includes('\0'))
    throw new DefinitionError(`${what} is too long or contains a NUL`);
  return value;
}

/** A text that is sent to the agent, which takes no longer ones. */
function word(value: unknown, what: string): string {
  const text = string(value, what);
  if (text.length > maxWord) throw new DefinitionError(`${what} is longer than ${maxWord} characters`);
  return text;
}

const words = (value: unknown, what: string): Lines => list(value, what, maxWords).map((item) => word(item, what));
const lines = (value: unknown, what: string): Lines => list(value, what).map((item) => string(item, what));

function flag(value: unknown, what: string): boolean {
  if (value !== undefined && typeof value !== 'boolean') throw new DefinitionError(`${what} is neither true nor false`);
  return value ?? false;
}

function permissions(value: unknown): string {
  const text = string(value, 'mode');
  if (!/^[0-7]{3,4}$/.test(text)) throw new DefinitionError('mode is not a number of octal digits');
  return text;
}

const maxFiles = 256;
const maxFile = 256 * 1024;

/**
 * Reads all definitions of a folder by the names of their services. Call it with the tenant's ids: what root alone may
 * read is no definition.
 */
export function readDefinitions(
  folder: string,
  problem: (text: string) => void,
): ReadonlyMap<string, ServiceDefinition> {
  const found = new Map<string, ServiceDefinition>();
  for (const file of filesOf(folder)) {
    const name = file.slice(0, -'.json'.length);
    try {
      found.set(name, parseDefinition(readWhole(`${folder}/${file}`)));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      problem(`the service definition ${JSON.stringify(file.slice(0, 80))} was ignored: ${why}`);
    }
  }
  return found;
}

function filesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((file) => file.endsWith('.json'))
      .sort()
      .slice(0, maxFiles);
  } catch {
    return [];
  }
}

/** A pipe or a device in the place of a file must not hold the runner, and a huge file not fill it. */
function readWhole(path: string): string {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const facts = fstatSync(descriptor);
    if (!facts.isFile()) throw new DefinitionError('it is not a file');
    const bytes = Buffer.alloc(maxFile + 1);
    let size = 0;
    for (let count = -1; count !== 0 && size < bytes.length; size += count) {
      count = readSync(descriptor, bytes, size, bytes.length - size, null);
    }
    if (size > maxFile) throw new DefinitionError(`it has more than ${maxFile} bytes`);
    return bytes.toString('utf8', 0, size);
  } finally {
    closeSync(descriptor);
  }
}
