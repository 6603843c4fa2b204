/**
 * Services of a kernel as agent and runner speak of them (spec kernel-runner 11, 12): applications in the container
 * that people reach over a port.
 */
import { FrameError } from './frame.ts';
import { type Fields, list, object, oneOf, text, whole, withoutNul } from './guards.ts';

/** A service that the image or the caller declares: its name, its protocol and its ports. */
export interface DeclaredService {
  readonly name: string;
  /** `preopen`: started by the image or by people, never by the runner. */
  readonly protocol: string;
  /** Where it listens inside the container; at least one. */
  readonly ports: readonly number[];
}

/** What follows a flag on the command line: nothing, one word, or some. */
export type FlagValue = string | null | readonly string[];

/** What a caller wants of a service that is started. */
export interface ServiceOptions {
  readonly arguments: Readonly<Record<string, FlagValue>>;
  readonly envs: Readonly<Record<string, string>>;
}

/** What became of a start. `running`: it was started before. */
export type ServiceOutcome =
  | { readonly status: 'started' | 'running' }
  | { readonly status: 'failed'; readonly error: string };

/** What the image says of a service; texts for clients, not interpreted here. */
export interface ServiceApp {
  readonly name: string;
  /** For a client to make its URL of; empty: the image has none. */
  readonly urlTemplate: string;
  readonly allowedArguments: readonly string[];
  readonly allowedEnvs: readonly string[];
}

/** Bounds on what goes over the socket. */
export const maxServices = 128;
export const maxWords = 256;
export const maxWord = 4096;
export const maxError = 4096;
const highestPort = 65_535;

/** Reads a declared service. Throws FrameError. */
export function declaredService(value: unknown): DeclaredService {
  const fields = object(value, 'service');
  const ports = list(fields['ports'], 'ports', maxWords).map((port) => whole(port, 'port', 1, highestPort));
  if (ports.length === 0) throw new FrameError('ports is empty');
  return { name: name(fields), protocol: text(fields['protocol'], 'protocol', maxWord), ports };
}

/** Reads what a caller wants. Throws FrameError. */
export function serviceOptions(value: unknown): ServiceOptions {
  const fields = object(value, 'options');
  const flags = pairs(fields['arguments'], 'arguments');
  const envs = pairs(fields['envs'], 'envs');
  return {
    arguments: Object.fromEntries(flags.map(([key, value]) => [key, flagValue(value)])),
    envs: Object.fromEntries(envs.map(([key, value]) => [key, word(value)])),
  };
}

/** Reads the outcome of a start. Throws FrameError. */
export function serviceOutcome(value: unknown): ServiceOutcome {
  const fields = object(value, 'outcome');
  const status = oneOf(fields['status'], ['started', 'running', 'failed'] as const, 'status');
  if (status !== 'failed') return { status };
  return { status, error: text(fields['error'], 'error').slice(0, maxError) };
}

/** Reads the list of applications. Throws FrameError. */
export function serviceApps(value: unknown): readonly ServiceApp[] {
  return list(value, 'apps', maxServices).map((item) => {
    const fields = object(item, 'app');
    return {
      name: name(fields),
      urlTemplate: text(fields['urlTemplate'], 'urlTemplate', maxWord),
      allowedArguments: list(fields['allowedArguments'], 'allowedArguments', maxWords).map(word),
      allowedEnvs: list(fields['allowedEnvs'], 'allowedEnvs', maxWords).map(word),
    };
  });
}

const word = (value: unknown): string => withoutNul(text(value, 'word', maxWord), 'a word');

const name = (fields: Fields): string => text(fields['name'], 'name', 256);

function pairs(value: unknown, what: string): [string, unknown][] {
  const entries = Object.entries(object(value, what));
  if (entries.length > maxWords) throw new FrameError(`${what} has more than ${maxWords} items`);
  return entries.map(([key, value]) => [word(key), value]);
}

function flagValue(value: unknown): FlagValue {
  if (value === null) return null;
  return Array.isArray(value) ? list(value, 'words', maxWords).map(word) : word(value);
}

/** The variables that every service's templates have (spec kernel-runner 12.1, 13). */
const always = ['ports', 'runtime_path'];

/**
 * A command that is one text and that a shell gets, as words that are templates. In `text` only `{NAME}` and `${{ NAME }}` of `variables`, `ports` and
 * `runtime_path`, each perhaps with an index, are such: all other braces are the shell's own.
 */
export function shellCommand(text: string, shell: string, variables: readonly string[] = []): readonly string[] {
  const braces = /\$\{\{\s*(\w+(?:\[\w+\])*)\s*\}\}|(?<!\$)\{(\w+)(?:\[\w+\])*\}|[{}]/g;
  const known = [...always, ...variables];
  const template = text.replace(braces, (brace, dollar?: string, name?: string) => {
    if (dollar !== undefined) return `{${dollar}}`;
    if (name !== undefined && known.includes(name)) return brace;
    return brace.replace(/[{}]/g, '$&$&');
  });
  return [shell, '-c', template];
}
