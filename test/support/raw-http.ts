/** HTTP by hand, for requests that no client would send: bytes go out as they are, and the reply is read as it comes. */
import { connect } from 'node:net';

/** A reply, as far as it came. */
export interface RawReply {
  readonly status: number;
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Whether the connection was closed from here, since a stream goes on. */
  readonly isCut: boolean;
}

/** How long to wait, in milliseconds, and what for. */
export interface ExchangeOptions {
  /** Until the head of the reply is there. */
  readonly headMs: number;
  /** From the head of the reply on; then what came is taken. */
  readonly streamMs: number;
  /** Whether this side closes its half when everything is sent. */
  readonly halfCloses: boolean;
}

/**
 * Sends the bytes on a connection of their own and reads until it is closed. Gives null when it was closed without a reply.
 * Rejects when there is no head in time.
 */
export function exchange(socketPath: string, bytes: Uint8Array, options: ExchangeOptions): Promise<RawReply | null> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let timer = setTimeout(() => {
      reject(new Error(`no reply in ${options.headMs} ms`));
      socket.destroy();
    }, options.headMs);
    let hasHead = false;
    let isCut = false;
    const socket = connect({ path: socketPath });
    const finish = (): void => {
      clearTimeout(timer);
      resolve(hasHead ? parsed(Buffer.concat(chunks), isCut) : null);
    };
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      if (hasHead) return;
      const received = Buffer.concat(chunks);
      if (!received.includes('\r\n\r\n', beginsInterim(received) ? interim.length : 0)) return;
      hasHead = true;
      clearTimeout(timer);
      timer = setTimeout(() => {
        isCut = true;
        socket.destroy();
      }, options.streamMs);
    });
    // A server that refuses early may close while the rest is still being sent.
    socket.on('error', () => {});
    socket.on('close', finish);
    socket.write(bytes);
    if (options.halfCloses) socket.end();
  });
}

/** What a server says before the reply, when it was asked whether it wants the body. */
const interim = 'HTTP/1.1 100 Continue\r\n\r\n';

function parsed(received: Buffer, isCut: boolean): RawReply {
  const bytes = received.subarray(beginsInterim(received) ? interim.length : 0);
  const end = bytes.indexOf('\r\n\r\n');
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
  const rest = bytes.subarray(end + 4);
  const length = headers['content-length'];
  const whole = length === undefined ? rest : rest.subarray(0, Number(length));
  const body = headers['transfer-encoding'] === 'chunked' ? dechunked(rest) : whole;
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1]), headers, body: body.toString(), isCut };
}

const beginsInterim = (bytes: Buffer): boolean => bytes.toString('latin1', 0, interim.length) === interim;

/** The content of whole chunks; one that was cut off is left out. */
function dechunked(bytes: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = bytes.indexOf('\r\n', at);
    const size = line < 0 ? 0 : Number.parseInt(bytes.subarray(at, line).toString(), 16);
    if (!(size > 0) || line + 2 + size > bytes.length) return Buffer.concat(pieces);
    pieces.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 2 + size + 2;
  }
}
