/** Guards for the results of replies: a tenant may have taken the runner over. */
import { type Fields, finite, flag, list, object, oneOf, text, whole } from '../protocol/guards.ts';
import { serviceApps, serviceOutcome } from '../protocol/kernel-services.ts';
import { parseRunnerStatus } from '../protocol/runner-frame-headers.ts';
import type { FileEntry, RunnerMethod, RunnerRequests } from '../protocol/runner-messages.ts';

type Guards = { readonly [M in RunnerMethod]: (result: unknown) => RunnerRequests[M]['result'] };

const guards: Guards = {
  execute: (result) => ({ existing: flag(fields(result)['existing'], 'existing') }),
  input: () => null,
  stdin: (result) => ({ open: flag(fields(result)['open'], 'open') }),
  interrupt: (result) => ({ interrupted: flag(fields(result)['interrupted'], 'interrupted') }),
  cancel: () => null,
  forget: () => null,
  complete: (result) => ({ matches: list(fields(result)['matches'], 'matches').map((match) => text(match, 'match')) }),
  'list-files': (result) => {
    const { path, files, next } = fields(result);
    return {
      path: text(path, 'path'),
      files: list(files, 'files').map(fileEntry),
      // Runners of older versions give everything.
      next: next === null || next === undefined ? null : whole(next, 'next', 1),
    };
  },
  upload: (result) => ({ bytes: finite(fields(result)['bytes'], 'bytes', 0) }),
  download: (result) => {
    const { form, size, name } = fields(result);
    return {
      form: oneOf(form, ['file', 'tar'] as const, 'form'),
      size: size === null ? null : finite(size, 'size', 0),
      name: text(name, 'name'),
    };
  },
  'start-service': serviceOutcome,
  'stop-service': () => null,
  apps: (result) => ({ apps: serviceApps(fields(result)['apps']) }),
  ping: parseRunnerStatus,
  shutdown: () => null,
};

/** Reads the result of a reply to `method`. Throws FrameError when it has not the method's form. */
export function parseResult<M extends RunnerMethod>(method: M, result: unknown): RunnerRequests[M]['result'] {
  return guards[method](result);
}

const fields = (result: unknown): Fields => object(result, 'result');

/** Its times may lie before the epoch. */
function fileEntry(value: unknown): FileEntry {
  const entry = object(value, 'file');
  return {
    filename: text(entry['filename'], 'filename'),
    size: finite(entry['size'], 'size', 0),
    mode: text(entry['mode'], 'mode'),
    ctime: finite(entry['ctime'], 'ctime'),
    mtime: finite(entry['mtime'], 'mtime'),
    atime: finite(entry['atime'], 'atime'),
  };
}
