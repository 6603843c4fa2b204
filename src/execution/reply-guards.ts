/** Guards for the results of replies: a tenant may have taken the runner over. */
import { FrameError } from '../wire/frame.ts';
import { parseRunnerStatus } from '../wire/runner-heads.ts';
import type { FileEntry, RunnerMethod, RunnerRequests } from '../wire/runner-messages.ts';

type Fields = Readonly<Record<string, unknown>>;
type Guards = { readonly [M in RunnerMethod]: (result: unknown) => RunnerRequests[M]['result'] };

const guards: Guards = {
  execute: (result) => ({ existing: flag(fields(result), 'existing') }),
  input: () => null,
  stdin: (result) => ({ open: flag(fields(result), 'open') }),
  interrupt: (result) => ({ interrupted: flag(fields(result), 'interrupted') }),
  cancel: () => null,
  forget: () => null,
  complete: (result) => ({ matches: list(fields(result), 'matches').map((match) => text(match, 'match')) }),
  'list-files': (result) => {
    const listing = fields(result);
    return { path: text(listing['path'], 'path'), files: list(listing, 'files').map(fileEntry) };
  },
  upload: (result) => ({ bytes: amount(fields(result), 'bytes') }),
  download: (result) => {
    const head = fields(result);
    const form = head['form'];
    if (form !== 'file' && form !== 'tar') throw new FrameError('form is neither file nor tar');
    return { form, size: head['size'] === null ? null : amount(head, 'size'), name: text(head['name'], 'name') };
  },
  ping: parseRunnerStatus,
  shutdown: () => null,
};

/** Reads the result of a reply to `method`. Throws FrameError when it has not the method's form. */
export function parseResult<M extends RunnerMethod>(method: M, result: unknown): RunnerRequests[M]['result'] {
  return guards[method](result);
}

function fileEntry(value: unknown): FileEntry {
  const entry = fields(value);
  return {
    filename: text(entry['filename'], 'filename'),
    size: amount(entry, 'size'),
    mode: text(entry['mode'], 'mode'),
    ctime: time(entry, 'ctime'),
    mtime: time(entry, 'mtime'),
    atime: time(entry, 'atime'),
  };
}

function fields(value: unknown): Fields {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new FrameError('result is no object');
  return value as Fields;
}

function flag(result: Fields, name: string): boolean {
  const value = result[name];
  if (typeof value !== 'boolean') throw new FrameError(`${name} is not a boolean`);
  return value;
}

function list(result: Fields, name: string): readonly unknown[] {
  const value = result[name];
  if (!Array.isArray(value)) throw new FrameError(`${name} is not a list`);
  return value;
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new FrameError(`${name} is not a text`);
  return value;
}

/** A file's times may lie before the epoch. */
function time(result: Fields, name: string): number {
  const value = result[name];
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new FrameError(`${name} is not a number`);
  return value;
}

function amount(result: Fields, name: string): number {
  const value = time(result, name);
  if (value < 0) throw new FrameError(`${name} is negative`);
  return value;
}
