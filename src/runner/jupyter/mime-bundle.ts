/** The forms of a value as Jupyter's messages have them (a "mime bundle"), for the runner. Pure. */
import { isBinaryType, isMediaType, maxDisplayBytes, maxDisplayForms } from '../../protocol/display.ts';
import type { DriverForm } from '../driver-protocol.ts';

const jsonType = /^application\/(?:[\w.-]+\+)?json(?:;|$)/;

/** The forms of the field `data` of a message, in its order; what is no form is left out. */
export function formsOf(data: unknown): readonly DriverForm[] {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return [];
  return Object.entries(data)
    .filter(([type]) => isMediaType(type))
    .slice(0, maxDisplayForms)
    .map(([type, value]) => formOf(type, value));
}

function formOf(type: string, value: unknown): DriverForm {
  const isBinary = isBinaryType(type);
  const data = isBinary
    ? textOf(value).replace(/\s+/g, '')
    : jsonType.test(type)
      ? JSON.stringify(value)
      : textOf(value);
  const bytes = isBinary ? Buffer.byteLength(data, 'base64') : Buffer.byteLength(data);
  return bytes > maxDisplayBytes ? { type, bytes } : { type, encoding: isBinary ? 'base64' : 'text', data };
}

/** Texts may come as a list of their lines, each with its end. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const isLines = Array.isArray(value) && value.every((line) => typeof line === 'string');
  return isLines ? value.join('') : JSON.stringify(value);
}
