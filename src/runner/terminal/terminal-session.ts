/** One browser's terminal: a login shell of its own, which ends with the connection. */

import type { Pty, PtyCommand, PtyEvents } from './pty.ts';
import { outputMessage, parseClientMessage, preferencesMessage, titleMessage } from './terminal-messages.ts';
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
          onRoom: () => connection.resume(),
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
        // A message that is none is passed over, as ttyd does.
        return;
    }
  });
  connection.onClose(() => {
    clearTimeout(late);
    pty?.hangUp();
  });
}
