/** One browser's terminal: a login shell of its own, which ends with the connection. */
import { object, otherwise, type Reader, readOrNull, such, text, whole } from '../../lib/json-reader.ts';
import type { Pty, PtyCommand, PtyEvents } from './pty.ts';
import type { Connection } from './websocket.ts';

const maxWaitingBytes = 512 * 1024;
const fewWaitingBytes = 64 * 1024;
const helloTimeoutMs = 10_000;
const ended = 1000;
const refused = 1008;

/** What a session works with. */
export interface SessionParts {
  readonly shell: Pick<PtyCommand, 'argv' | 'environ' | 'folder'>;
  readonly title: string;
  readonly open: (command: PtyCommand, events: PtyEvents) => Pty;
  /** Whether a client with this token may have a shell. */
  isAllowed(token: string): boolean;
}

/** Serves a connection to its end. */
export function serveTerminal(connection: Connection, parts: SessionParts): void {
  let pty: Pty | null = null;
  let held = false;
  let paused = false;
  const late = setTimeout(() => connection.close(refused, 'nothing was asked for'), helloTimeoutMs);
  const flow = (): void => {
    const full = connection.waiting > (held ? fewWaitingBytes : maxWaitingBytes);
    if (full === held) return;
    held = full;
    if (held) pty?.pause();
    else if (!paused) pty?.resume();
  };
  const begin = (columns: number, rows: number): void => {
    clearTimeout(late);
    try {
      pty = parts.open(
        { ...parts.shell, columns, rows },
        {
          onOutput: (bytes) => {
            connection.send(outputMessage(bytes));
            flow();
          },
          onDrain: () => connection.resume(),
          onEnd: () => connection.close(ended, 'the shell has ended'),
        },
      );
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      connection.send(outputMessage(Buffer.from(`no shell can be started: ${reason}\r\n`)));
      connection.close(ended, 'no shell can be started');
      return;
    }
    connection.send(titleMessage(parts.title));
    connection.send(preferencesMessage);
  };
  connection.onDrain(flow);
  connection.onMessage((bytes) => {
    const message = parseClientMessage(bytes);
    switch (message?.type) {
      case 'hello':
        if (pty) return;
        if (!parts.isAllowed(message.token)) return connection.close(refused, 'the page is not of this server');
        return begin(message.columns, message.rows);
      case 'input':
        if (pty?.write(message.bytes) === false) connection.pause();
        return;
      case 'resize':
        return pty?.resize(message.columns, message.rows);
      case 'pause':
        paused = true;
        return pty?.pause();
      case 'resume':
        paused = false;
        if (!held) pty?.resume();
        return;
      default:
        // An unknown message is ignored, as ttyd does.
        return;
    }
  });
  connection.onClose(() => {
    clearTimeout(late);
    pty?.hangUp();
  });
}

/** What a client of ttyd's protocol sends: its first byte is the type, a `{` that of the greeting. */
export type ClientMessage =
  | { readonly type: 'hello'; readonly token: string; readonly columns: number; readonly rows: number }
  | { readonly type: 'input'; readonly bytes: Uint8Array }
  | { readonly type: 'resize'; readonly columns: number; readonly rows: number }
  | { readonly type: 'pause' }
  | { readonly type: 'resume' };

const usual = { columns: 80, rows: 24 };
const maxCells = 1000;

const cells = such(whole, (count) => count >= 1 && count <= maxCells, `from 1 to ${maxCells}`);
const sizeBy = (of: (name: string, read: Reader<number>) => number) => ({
  columns: of('columns', otherwise(cells, usual.columns)),
  rows: of('rows', otherwise(cells, usual.rows)),
});
const size = object(sizeBy);
const hello = object((of) => ({ token: of('AuthToken', otherwise(text, '')), ...sizeBy(of) }));
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

/** Reads a message; null when it is none. */
export function parseClientMessage(bytes: Uint8Array): ClientMessage | null {
  const rest = bytes.subarray(1);
  switch (String.fromCharCode(bytes[0] ?? 0)) {
    case '{': {
      const said = readOrNull(hello, textOf(bytes));
      return said && { type: 'hello', ...said };
    }
    case '0':
      return { type: 'input', bytes: rest };
    case '1': {
      const said = readOrNull(size, textOf(rest));
      return said && { type: 'resize', ...said };
    }
    case '2':
      return { type: 'pause' };
    case '3':
      return { type: 'resume' };
    default:
      return null;
  }
}

/** Carries a piece of output, byte for byte. */
export const outputMessage = (bytes: Uint8Array): Uint8Array => Buffer.concat([Buffer.from('0'), bytes]);
/** The title of the window. */
export const titleMessage = (title: string): Uint8Array => Buffer.from(`1${title}`);
/** How the client shall look: nothing is asked of it. */
export const preferencesMessage: Uint8Array = Buffer.from('2{}');
