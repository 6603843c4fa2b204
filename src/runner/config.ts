/** Reading of `runner.json` and of the container's environment that the entry wrote down. */

import { KerneletError } from '../lib/errors.ts';
import { isKernelId } from '../lib/ids.ts';
import {
  JsonFormError,
  list,
  newer,
  nullable,
  object,
  oneOf,
  pair,
  type Reader,
  such,
  text,
  truth,
  whole,
} from '../lib/json-reader.ts';
import { FrameError } from '../protocol/frame.ts';
import { kernelModel, maxModels } from '../protocol/kernel-models.ts';
import { declaredService, maxServices } from '../protocol/kernel-services.ts';
import { maxLinks, type RunnerConfig } from '../protocol/runner-config.ts';

/** What agent and runner read by the same guard, in `runner.json` and in frames. */
const guarded =
  <T>(guard: (value: unknown) => T, what: string): Reader<T> =>
  (value, place) => {
    try {
      return guard(value);
    } catch (error) {
      if (error instanceof FrameError) throw new JsonFormError(place, `${what}: ${error.message}`);
      throw error;
    }
  };
const atMost = <T>(read: Reader<T>, max: number): Reader<readonly T[]> =>
  such(list(read), ({ length }) => length <= max, `a list of at most ${max}`);
const isVariable = ([name, content]: readonly [string, string]): boolean =>
  name !== '' && !/[=\0]/.test(name) && !content.includes('\0');
const isLink = (paths: readonly [string, string]): boolean =>
  paths.every((path) => path.startsWith('/') && !path.includes('\0'));
const flag = newer(truth, false);

const config: Reader<RunnerConfig> = object((of) => ({
  version: of('version', (value, place) => {
    if (value !== 1) throw new JsonFormError(place, '1');
    return 1;
  }),
  kernelId: of('kernelId', (value, place) => {
    const id = text(value, place);
    if (!isKernelId(id)) throw new JsonFormError(place, 'the id of a kernel');
    return id;
  }),
  generation: of('generation', whole),
  secret: of(
    'secret',
    such(text, (secret) => /^[0-9a-f]{64}$/.test(secret), '64 hex digits'),
  ),
  runtime: of(
    'runtime',
    object((runtime) => ({ type: runtime('type', text), path: runtime('path', nullable(text)) })),
  ),
  user: of(
    'user',
    object((user) => ({
      uid: user('uid', whole),
      gid: user('gid', whole),
      // It goes into `/etc/passwd`.
      name: user(
        'name',
        such(text, (name) => /^[a-z_][a-z0-9_-]{0,31}$/.test(name), 'a name for a user'),
      ),
    })),
  ),
  environ: of('environ', list(such(pair, isVariable, 'a possible variable'))),
  services: of('services', atMost(guarded(declaredService, 'a service'), maxServices)),
  models: of('models', atMost(guarded(kernelModel, 'a model'), maxModels)),
  interpreter: of('interpreter', oneOf(['eager', 'lazy'])),
  outputBufferBytes: of(
    'outputBufferBytes',
    such(whole, (bytes) => bytes >= 4096, 'a whole number of at least 4096'),
  ),
  finishedRunKeepMs: of('finishedRunKeepMs', whole),
  sudo: of('sudo', flag),
  imageBootstrap: of('imageBootstrap', flag),
  isTerminalLocal: of('isTerminalLocal', flag),
  taskLog: of('taskLog', flag),
  links: of('links', newer(atMost(such(pair, isLink, 'two absolute paths'), maxLinks), [])),
  debug: of('debug', flag),
}));

/** Reads the document. Throws INVALID_CONFIG naming the key that is wrong. */
export function parseRunnerConfig(json: string): RunnerConfig {
  try {
    return config(JSON.parse(json), 'runner.json');
  } catch (cause) {
    const problem = cause instanceof JsonFormError ? cause.message : 'runner.json is not JSON';
    throw new KerneletError('INVALID_CONFIG', problem, { cause });
  }
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
