/**
 * What a browser and the terminal say to each other: the messages of `ttyd`, so that its clients work too. Each
 * begins with a letter; a client begins with a JSON object. Pure.
 */

/** From the client. */
export type ClientMessage =
  | { readonly type: 'hello'; readonly token: string; readonly columns: number; readonly rows: number }
  | { readonly type: 'input'; readonly bytes: Uint8Array }
  | { readonly type: 'resize'; readonly columns: number; readonly rows: number }
  | { readonly type: 'pause' }
  | { readonly type: 'resume' };

const usual = { columns: 80, rows: 24 };
const maxCells = 1000;

/** Reads a message; null when it is none. */
export function parseClientMessage(bytes: Uint8Array): ClientMessage | null {
  const rest = bytes.subarray(1);
  switch (String.fromCharCode(bytes[0] ?? 0)) {
    case '{': {
      const fields = parseFields(bytes);
      if (!fields) return null;
      const token = fields['AuthToken'];
      return { type: 'hello', token: typeof token === 'string' ? token : '', ...size(fields) };
    }
    case '0':
      return { type: 'input', bytes: rest };
    case '1': {
      const fields = parseFields(rest);
      return fields && { type: 'resize', ...size(fields) };
    }
    case '2':
      return { type: 'pause' };
    case '3':
      return { type: 'resume' };
    default:
      return null;
  }
}

/** A piece of output. */
export const outputMessage = (bytes: Uint8Array): Uint8Array => Buffer.concat([Buffer.from('0'), bytes]);
/** The title of the window. */
export const titleMessage = (title: string): Uint8Array => Buffer.from(`1${title}`);
/** How the client shall look: nothing is asked of it. */
export const preferencesMessage: Uint8Array = Buffer.from('2{}');

type Fields = Readonly<Record<string, unknown>>;

function parseFields(bytes: Uint8Array): Fields | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
  } catch {
    return null;
  }
}

function size({ columns, rows }: Fields): { readonly columns: number; readonly rows: number } {
  const cells = (value: unknown, otherwise: number): number =>
    typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= maxCells ? value : otherwise;
  return { columns: cells(columns, usual.columns), rows: cells(rows, usual.rows) };
}
