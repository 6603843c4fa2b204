/** A browser's side of the web terminal. */
import { WebSocket } from 'ws';

/** A terminal that collects what is shown on it. */
export class TerminalClient implements Disposable {
  readonly #socket: WebSocket;
  /** Everything that was shown so far. */
  shown = '';
  title = '';
  closed: number | null = null;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => {
      const text = data.subarray(1).toString('utf8');
      if (data[0] === 0x30) this.shown += text;
      else if (data[0] === 0x31) this.title = text;
    });
    socket.on('close', (code) => {
      this.closed = code;
    });
  }

  static async open(
    host: string,
    hello: { token?: string; session?: string; columns?: number; rows?: number } = {},
    origin?: string,
  ): Promise<TerminalClient> {
    const socket = new WebSocket(`ws://${host}/ws`, 'tty', origin === undefined ? {} : { origin });
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    const { token = '', session, columns = 100, rows = 30 } = hello;
    const client = new TerminalClient(socket);
    socket.send(Buffer.from(JSON.stringify({ AuthToken: token, Session: session, columns, rows })));
    return client;
  }

  type(text: string): void {
    this.#socket.send(Buffer.from(`0${text}`));
  }

  /** Gives the window another size. */
  resize(columns: number, rows: number): void {
    this.#socket.send(Buffer.from(`1${JSON.stringify({ columns, rows })}`));
  }

  /** Sends bytes as they are. */
  send(bytes: string): void {
    this.#socket.send(Buffer.from(bytes));
  }

  /** Stops or goes on reading from the network. */
  read(whether: boolean): void {
    if (whether) this.#socket.resume();
    else this.#socket.pause();
  }

  [Symbol.dispose](): void {
    this.#socket.terminate();
  }
}
