/** A Callosum client of our own, for tests and benchmarks: one peer of the server. */
import { type Dealer, loadZeromq } from '../../src/backendai/transport/zeromq.ts';
import {
  decodeData,
  decodeHeader,
  emptyData,
  encodeHeader,
  type FailureParts,
  type MessageType,
  openEnvelope,
  type RequestIdentity,
} from '../../src/backendai/wire/callosum.ts';
import { decodePlain } from '../../src/backendai/wire/extension.ts';
import type { MsgpackValue } from '../../src/backendai/wire/msgpack/value.ts';
import { decodeFailure, encodeRequestData } from './manager-wire.ts';

/** Keys of a client, in Z85. */
export interface ClientKeys {
  readonly publicKey: string;
  readonly secretKey: string;
  readonly serverKey: string;
}

export interface Reply {
  readonly type: MessageType;
  readonly value: MsgpackValue;
  readonly failure: FailureParts | null;
}

const empty = Buffer.alloc(0);

export class CallosumClient implements Disposable {
  readonly #socket: Dealer;
  readonly #waiting = new Map<number, (reply: Reply) => void>();
  readonly #pongs: (() => void)[] = [];
  readonly #orderKey: string | Uint8Array;
  #sequence = 0;
  #outbox: Promise<void> = Promise.resolve();

  private constructor(socket: Dealer, orderKey: string | Uint8Array) {
    this.#socket = socket;
    this.#orderKey = orderKey;
    void this.#read();
  }

  /** Connects without waiting for the other side. */
  static connect(endpoint: string, keys?: ClientKeys, orderKey: string | Uint8Array = ''): CallosumClient {
    const { Context, Dealer: DealerSocket } = loadZeromq();
    const curve = keys
      ? {
          curvePublicKey: keys.publicKey,
          curveSecretKey: keys.secretKey,
          curveServerKey: keys.serverKey,
          zapDomain: 'local',
        }
      : {};
    const socket = new DealerSocket({ context: new Context(), linger: 0, sendHighWaterMark: 0, ...curve });
    socket.connect(endpoint);
    return new CallosumClient(socket, orderKey);
  }

  /** Whether a PONG came within the time. */
  async ping(timeoutMs = 5000): Promise<boolean> {
    const pong = new Promise<true>((resolve) => this.#pongs.push(() => resolve(true)));
    await this.sendRaw([Buffer.from('PING'), empty, empty]);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), timeoutMs);
    });
    try {
      return await Promise.race([pong, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Calls a method and waits for its reply of whatever type. */
  call(method: string, args: readonly MsgpackValue[] = [], kwargs: Record<string, MsgpackValue> = {}): Promise<Reply> {
    return this.begin(method, args, kwargs).reply;
  }

  /** Calls a method; the identity is there to cancel it. */
  begin(
    method: string,
    args: readonly MsgpackValue[] = [],
    kwargs: Record<string, MsgpackValue> = {},
  ): { readonly identity: RequestIdentity; readonly reply: Promise<Reply> } {
    const identity = { method, orderKey: this.#orderKey, sequence: this.#sequence };
    this.#sequence += 1;
    const reply = this.expect(identity.sequence);
    void this.sendRaw([Buffer.from('UPPER'), encodeHeader('function', identity), encodeRequestData({ args, kwargs })]);
    return { identity, reply };
  }

  /** The reply to a request that was sent raw. */
  expect(sequence: number): Promise<Reply> {
    return new Promise((resolve) => this.#waiting.set(sequence, resolve));
  }

  /** Says that a call's reply is no longer wanted. */
  async cancel(identity: RequestIdentity): Promise<void> {
    await this.sendRaw([Buffer.from('UPPER'), encodeHeader('cancel', identity), emptyData]);
  }

  sendRaw(frames: readonly Uint8Array[]): Promise<void> {
    this.#outbox = this.#outbox.then(() =>
      this.#socket.closed ? undefined : this.#socket.send(frames as Uint8Array[]),
    );
    return this.#outbox;
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  async #read(): Promise<void> {
    for await (const frames of this.#socket) {
      const envelope = openEnvelope(frames);
      if (envelope?.kind === 'PONG') this.#pongs.shift()?.();
      if (envelope?.kind !== 'UPPER') continue;
      const { type, sequence } = decodeHeader(envelope.header);
      const { meta, body } = decodeData(envelope.data, false);
      const take = this.#waiting.get(sequence);
      this.#waiting.delete(sequence);
      take?.({
        type,
        value: type === 'result' && body ? decodePlain(body) : null,
        failure: type === 'failure' ? decodeFailure(meta) : null,
      });
    }
  }
}
