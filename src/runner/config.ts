/** Reading of `runner.json` and of the container's environment that the entry wrote down. */

import { KerneletError } from '../lib/errors.ts';
import { parseKernelId } from '../lib/ids.ts';
import { type KernelModel, kernelModel, maxModels } from '../protocol/kernel-models.ts';
import { type DeclaredService, declaredService, maxServices } from '../protocol/kernel-services.ts';
import type { RunnerConfig } from '../protocol/runner-config.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Reads the document. Throws INVALID_CONFIG naming the key that is wrong. */
export function parseRunnerConfig(text: string): RunnerConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new KerneletError('INVALID_CONFIG', 'runner.json is not JSON', { cause });
  }
  const fields = object(value, 'runner.json');
  if (fields['version'] !== 1) throw wrong('version', '1');
  const secret = string(fields, 'secret');
  if (!/^[0-9a-f]{64}$/.test(secret)) throw wrong('secret', '64 hex digits');
  const runtime = object(fields['runtime'], 'runtime');
  const user = object(fields['user'], 'user');
  const interpreter = fields['interpreter'];
  if (interpreter !== 'eager' && interpreter !== 'lazy') throw wrong('interpreter', 'eager or lazy');
  return {
    version: 1,
    kernelId: parseKernelId(string(fields, 'kernelId')),
    generation: count(fields, 'generation'),
    secret,
    runtime: { type: string(runtime, 'type'), path: runtime['path'] === null ? null : string(runtime, 'path') },
    user: { uid: count(user, 'uid'), gid: count(user, 'gid'), name: userName(user) },
    environ: environ(fields['environ']),
    services: services(fields['services']),
    models: models(fields['models']),
    interpreter,
    outputBufferBytes: count(fields, 'outputBufferBytes', 4096),
    finishedRunKeepMs: count(fields, 'finishedRunKeepMs'),
    sudo: fields['sudo'] === true,
    imageBootstrap: fields['imageBootstrap'] === true,
    isTerminalLocal: fields['isTerminalLocal'] === true,
    debug: fields['debug'] === true,
  };
}

/** Reads the content of a `/proc/PID/environ`. Entries without `=` mean nothing and are left out. */
export function parseEnvironment(bytes: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const entry of bytes.split('\0')) {
    const equals = entry.indexOf('=');
    if (equals > 0) found.set(entry.slice(0, equals), entry.slice(equals + 1));
  }
  return found;
}

const wrong = (key: string, form: string): KerneletError =>
  new KerneletError('INVALID_CONFIG', `${key} of runner.json is not ${form}`);

function object(value: unknown, key: string): Fields {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw wrong(key, 'an object');
  return value as Fields;
}

function string(fields: Fields, key: string): string {
  const value = fields[key];
  if (typeof value !== 'string') throw wrong(key, 'a text');
  return value;
}

function count(fields: Fields, key: string, min = 0): number {
  const value = fields[key];
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min) {
    throw wrong(key, `a whole number of at least ${min}`);
  }
  return value;
}

/** The name goes into `/etc/passwd`. */
function userName(user: Fields): string {
  const name = string(user, 'name');
  if (!/^[a-z_][a-z0-9_-]{0,31}$/.test(name)) throw wrong('name', 'a name for a user');
  return name;
}

function services(value: unknown): readonly DeclaredService[] {
  if (!Array.isArray(value) || value.length > maxServices) throw wrong('services', `a list of at most ${maxServices}`);
  try {
    return value.map(declaredService);
  } catch (cause) {
    throw new KerneletError('INVALID_CONFIG', 'services of runner.json are not services', { cause });
  }
}

function models(value: unknown): readonly KernelModel[] {
  if (!Array.isArray(value) || value.length > maxModels) throw wrong('models', `a list of at most ${maxModels}`);
  try {
    return value.map(kernelModel);
  } catch (cause) {
    throw new KerneletError('INVALID_CONFIG', 'models of runner.json are not models', { cause });
  }
}

function environ(value: unknown): RunnerConfig['environ'] {
  if (!Array.isArray(value)) throw wrong('environ', 'a list of pairs');
  return value.map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw wrong('environ', 'a list of pairs');
    const [name, content]: readonly unknown[] = pair;
    if (typeof name !== 'string' || typeof content !== 'string') throw wrong('environ', 'a list of pairs of texts');
    if (name === '' || /[=\0]/.test(name) || content.includes('\0'))
      throw wrong('environ', 'made of possible variables');
    return [name, content] as const;
  });
}
