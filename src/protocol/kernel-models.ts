/**
 * Models that a kernel serves (spec kernel-runner 13): what the agent has read of their definitions, for the runner, and
 * what the runner says of their health.
 */
import { FrameError } from './frame.ts';
import { type Fields, flag, list, object, text, whole, withoutNul } from './guards.ts';

/** How it is found out whether a model answers. */
export interface ModelHealthCheck {
  /** Path and query that are asked for. */
  readonly path: string;
  /** Failures in a row that are borne. */
  readonly maxRetries: number;
  /** Time between two checks, and for the answer to one. */
  readonly maxWaitMs: number;
  readonly expectedStatus: number;
}

/** A model of a kernel, with what starts its server. */
export interface KernelModel {
  readonly name: string;
  /** Folder in the container in which its server is started. */
  readonly path: string;
  readonly port: number;
  /** Templates, as in service definitions. */
  readonly command: readonly string[];
  /** What is done before: actions as in service definitions, a JSON list. */
  readonly preStart: string;
  /** null: it counts as healthy as long as its server runs. */
  readonly healthCheck: ModelHealthCheck | null;
}

/** The health of a model, as its last checks found it. */
export interface ModelHealth {
  readonly name: string;
  /** null: its first check has not ended. */
  readonly healthy: boolean | null;
}

/** Models that a kernel may have. */
export const maxModels = 16;
const maxWords = 1024;
const maxText = 64 * 1024;
const maxWaitMs = 3_600_000;

/** Reads a model from `runner.json`. Throws FrameError. */
export function kernelModel(value: unknown): KernelModel {
  const fields = object(value, 'model');
  const command = list(fields['command'], 'command', maxWords).map((word) => plain(word, 'command'));
  if (command.length === 0) throw new FrameError('command is empty');
  return {
    name: plain(fields['name'], 'name'),
    path: plain(fields['path'], 'path'),
    port: whole(fields['port'], 'port', 1, 65_535),
    command,
    preStart: text(fields['preStart'], 'preStart', maxText),
    healthCheck: fields['healthCheck'] === null ? null : healthCheck(object(fields['healthCheck'], 'healthCheck')),
  };
}

/** Reads what a runner says of its models. Throws FrameError. */
export function modelHealths(value: unknown): readonly ModelHealth[] {
  return list(value, 'models', maxModels).map((item) => {
    const fields = object(item, 'model');
    const { healthy } = fields;
    return {
      name: text(fields['name'], 'name', maxText),
      healthy: healthy === null ? null : flag(healthy, 'healthy'),
    };
  });
}

function healthCheck(fields: Fields): ModelHealthCheck {
  return {
    path: plain(fields['path'], 'path'),
    maxRetries: whole(fields['maxRetries'], 'maxRetries', 0),
    maxWaitMs: whole(fields['maxWaitMs'], 'maxWaitMs', 0, maxWaitMs),
    expectedStatus: whole(fields['expectedStatus'], 'expectedStatus', 100, 999),
  };
}

const plain = (value: unknown, what: string): string => withoutNul(text(value, what, maxText), what);
