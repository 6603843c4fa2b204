/** One browser's view of a shell, by ttyd's protocol. With a token of its own a page comes back to the same shell, or shares it. */
import { nullable, object, otherwise, type Reader, readOrNull, such, text, whole } from '../../lib/json-reader.ts';
import { maxCells, type TerminalSize, usualSize } from '../../protocol/terminal-size.ts';
import type { SharedTerminal, Viewer } from './shared-terminal.ts';
import type { Connection } from './websocket.ts';

const maxWaitingBytes = 512 * 1024;
const fewWaitingBytes = 64 * 1024;
const helloTimeoutMs = 10_000;
const ended = 1000;
const refused = 1008;

/** What a session works with. */
export interface SessionParts {
  readonly title: string;
  /** The shell of a token, or a new one; null: one that ends with its connection. Throws an Error. */
  shell(session: string | null, size: TerminalSize): SharedTerminal;
  /** Whether a client with this token may have a shell. */
  isAllowed(token: string): boolean;
}

/** Serves a connection to its end. */
export function serveTerminal(connection: Connection, parts: SessionParts): void {
  let shell: SharedTerminal | null = null;
  let held = false;
  let paused = false;
  let typing = 0;
  const viewer: Viewer = {
    get full() {
      held = connection.waiting > (held ? fewWaitingBytes : maxWaitingBytes);
      return held || paused;
    },
    show: (bytes) => connection.send(outputMessage(bytes)),
    ended: () => connection.close(ended, 'the shell has ended'),
  };
  const late = setTimeout(() => connection.close(refused, 'nothing was asked for'), helloTimeoutMs);
  const type = async (bytes: Uint8Array): Promise<void> => {
    typing += 1;
    connection.pause();
    await shell?.type(bytes);
    typing -= 1;
    if (typing === 0) connection.resume();
  };
  const begin = (session: string | null, size: TerminalSize): void => {
    clearTimeout(late);
    try {
      shell = parts.shell(session, size);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      connection.send(outputMessage(Buffer.from(`no shell can be started: ${reason}\r\n`)));
      connection.close(ended, 'no shell can be started');
      return;
    }
    connection.send(titleMessage(parts.title));
    shell.join(viewer);
    // Behind what was kept, so that the page knows it from what comes.
    connection.send(preferencesMessage);
  };
  connection.onDrain(() => shell?.goOn(viewer));
  connection.onMessage((bytes) => {
    const message = parseClientMessage(bytes);
    switch (message?.type) {
      case 'hello':
        if (shell) return;
        if (!parts.isAllowed(message.token)) return connection.close(refused, 'the page is not of this server');
        return begin(message.session, message);
      case 'input':
        void type(message.bytes);
        return;
      case 'resize':
        return shell?.resize(message);
      case 'pause':
        paused = true;
        return;
      case 'resume':
        paused = false;
        return shell?.goOn(viewer);
      default:
        // An unknown message is ignored, as ttyd does.
        return;
    }
  });
  connection.onClose(() => {
    clearTimeout(late);
    shell?.leave(viewer);
  });
}

/** What a client of ttyd's protocol sends: its first byte is the type, a `{` that of the greeting. */
export type ClientMessage =
  | {
      readonly type: 'hello';
      readonly token: string;
      /** Of the page's own, too long to be guessed. */
      readonly session: string | null;
      readonly columns: number;
      readonly rows: number;
    }
  | { readonly type: 'input'; readonly bytes: Uint8Array }
  | { readonly type: 'resize'; readonly columns: number; readonly rows: number }
  | { readonly type: 'pause' }
  | { readonly type: 'resume' };

const cells = such(whole, (count) => count >= 1 && count <= maxCells, `from 1 to ${maxCells}`);
const sizeBy = (of: (name: string, read: Reader<number>) => number) => ({
  columns: of('columns', otherwise(cells, usualSize.columns)),
  rows: of('rows', otherwise(cells, usualSize.rows)),
});
const size = object(sizeBy);
const sessionToken = such(text, (token) => /^[\w-]{22,64}$/.test(token), 'a token of 22 to 64 characters');
const hello = object((of) => ({
  token: of('AuthToken', otherwise(text, '')),
  session: of('Session', otherwise(nullable(sessionToken), null)),
  ...sizeBy(of),
}));
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
