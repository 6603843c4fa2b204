/**
 * The text form of a kernel's record: JSON with a schema version, read strictly. Anything that is not exactly a record
 * is an error, so that a damaged file is quarantined rather than half believed.
 */
import { asContainerId, parseKernelId, parseSessionId } from '../lib/ids.ts';
import { type KernelRecord, kernelPhases, type Termination, terminationReasons } from './record.ts';
import type { KernelSpec } from './spec.ts';

/** A value of the file is not what a record holds there. */
export class RecordFormError extends Error {
  constructor(place: string, wanted: string) {
    super(`${place} is not ${wanted}`);
    this.name = 'RecordFormError';
  }
}

type Reader<T> = (value: unknown, place: string) => T;

const text: Reader<string> = (value, place) => {
  if (typeof value !== 'string') throw new RecordFormError(place, 'a text');
  return value;
};
const number: Reader<number> = (value, place) => {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    throw new RecordFormError(place, 'a number of 0 or more');
  }
  return value;
};
const whole: Reader<number> = (value, place) => {
  if (!Number.isSafeInteger(value)) throw new RecordFormError(place, 'a whole number');
  return number(value, place);
};
/** Exit codes may be negative. */
const signed: Reader<number> = (value, place) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new RecordFormError(place, 'a whole number');
  return value;
};
const truth: Reader<boolean> = (value, place) => {
  if (typeof value !== 'boolean') throw new RecordFormError(place, 'true or false');
  return value;
};
const nullable =
  <T>(read: Reader<T>): Reader<T | null> =>
  (value, place) =>
    value === null ? null : read(value, place);
/** A field that older records of this version don't have. */
const newer =
  <T>(read: Reader<T>, absent: T): Reader<T> =>
  (value, place) =>
    value === undefined ? absent : read(value, place);
const list =
  <T>(read: Reader<T>): Reader<readonly T[]> =>
  (value, place) => {
    if (!Array.isArray(value)) throw new RecordFormError(place, 'a list');
    return value.map((item, index) => read(item, `${place}[${index}]`));
  };
const oneOf =
  <T extends string>(values: readonly T[]): Reader<T> =>
  (value, place) => {
    const found = values.find((candidate) => candidate === value);
    if (found === undefined) throw new RecordFormError(place, `one of ${values.join(', ')}`);
    return found;
  };
/** Reads an object's fields one by one; unknown fields are left alone, so that a newer minor version can be read. */
const object =
  <T>(build: (field: <V>(name: string, read: Reader<V>) => V) => T): Reader<T> =>
  (value, place) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new RecordFormError(place, 'an object');
    const fields = new Map(Object.entries(value));
    return build((name, read) => read(fields.get(name), `${place}.${name}`));
  };

const pair: Reader<readonly [string, string]> = (value, place) => {
  const [name, content, ...rest] = list(text)(value, place);
  if (name === undefined || content === undefined || rest.length > 0) throw new RecordFormError(place, 'a pair');
  return [name, content];
};

const spec: Reader<KernelSpec> = object((field) => ({
  id: parseKernelId(field('id', text)),
  sessionId: parseSessionId(field('sessionId', text)),
  image: field(
    'image',
    object((of) => ({
      reference: of('reference', text),
      id: of('id', text),
      volumes: of('volumes', newer(list(text), [])),
    })),
  ),
  runtime: field(
    'runtime',
    object((of) => ({ type: of('type', text), path: of('path', nullable(text)) })),
  ),
  interpreter: field('interpreter', oneOf(['eager', 'lazy'])),
  limits: field(
    'limits',
    object((of) => ({
      cpus: of('cpus', number),
      memoryBytes: of('memoryBytes', whole),
      processes: of('processes', whole),
      sharedMemoryBytes: of('sharedMemoryBytes', nullable(whole)),
      diskBytes: of('diskBytes', nullable(whole)),
      openFiles: of('openFiles', newer(nullable(whole), null)),
    })),
  ),
  environ: field('environ', list(pair)),
  mounts: field(
    'mounts',
    list(object((of) => ({ source: of('source', text), target: of('target', text), readOnly: of('readOnly', truth) }))),
  ),
  network: field('network', oneOf(['none', 'bridge'])),
  publish: field('publish', list(whole)),
  user: field(
    'user',
    object((of) => ({ uid: of('uid', whole), gid: of('gid', whole) })),
  ),
  idleTimeoutMs: field('idleTimeoutMs', nullable(number)),
  hostname: field('hostname', text),
}));

const termination: Reader<Termination> = object((of) => ({
  reason: of('reason', oneOf(terminationReasons)),
  exitCode: of('exitCode', nullable(signed)),
  detail: of('detail', text),
  at: of('at', number),
}));

const version: Reader<1> = (value, place) => {
  if (value !== 1) throw new RecordFormError(place, '1, the only version this program knows');
  return 1;
};

const record: Reader<KernelRecord> = object((field) => ({
  version: field('version', version),
  spec: field('spec', spec),
  phase: field('phase', oneOf(kernelPhases)),
  generation: field('generation', whole),
  placement: field(
    'placement',
    object((of) => ({
      cpuset: of('cpuset', nullable(text)),
      hostPorts: of(
        'hostPorts',
        list(object((port) => ({ containerPort: port('containerPort', whole), hostPort: port('hostPort', whole) }))),
      ),
    })),
  ),
  containerId: field(
    'containerId',
    nullable((value, place) => asContainerId(text(value, place))),
  ),
  createdAt: field('createdAt', number),
  readyAt: field('readyAt', nullable(number)),
  termination: field('termination', nullable(termination)),
  timings: field('timings', list(object((of) => ({ step: of('step', text), ms: of('ms', number) })))),
}));

/** Reads a record's text. Throws RecordFormError, SyntaxError, or the form error of an id. */
export const decodeRecord = (json: string): KernelRecord => record(JSON.parse(json), 'record');

/** The text of a record. */
export const encodeRecord = (of: KernelRecord): string => `${JSON.stringify(of)}\n`;
