/** Reads what interpreter drivers send. A driver is the tenant's process, so nothing of it is believed unchecked. */
import type { FromDriver } from './driver-protocol.ts';

type Fields = Readonly<Record<string, unknown>>;

const mediaTypeForm = /^[\w.+-]{1,64}\/[\w.+-]{1,64}(;.{0,128})?$/;
const maxMatches = 1000;

/** Reads one line; null when it is not one of a driver's. */
export function parseDriverLine(line: string): FromDriver | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (value === null || typeof value !== 'object') return null;
  const fields = value as Fields;
  const ev = fields['ev'];
  switch (ev) {
    case 'ready':
      return { ev };
    case 'media': {
      const { type, encoding, data } = fields;
      if (typeof type !== 'string' || !mediaTypeForm.test(type) || typeof data !== 'string') return null;
      if (encoding !== 'base64' && encoding !== 'text') return null;
      return { ev, type, encoding, data };
    }
    case 'html':
      return typeof fields['data'] === 'string' ? { ev, data: fields['data'] } : null;
    case 'input':
      return typeof fields['prompt'] === 'string'
        ? { ev, prompt: fields['prompt'], password: fields['password'] === true }
        : null;
    case 'done': {
      const { id, exitCode } = fields;
      return typeof id === 'number' && typeof exitCode === 'number' && Number.isSafeInteger(exitCode)
        ? { ev, id, exitCode }
        : null;
    }
    case 'completion': {
      const { id, matches } = fields;
      if (typeof id !== 'number' || !Array.isArray(matches)) return null;
      return { ev, id, matches: matches.filter((item) => typeof item === 'string').slice(0, maxMatches) };
    }
    default:
      return null;
  }
}
