/**
 * The Callosum server (spec rpc 2). Calls begin in the order in which they arrive and run side by side; each reply goes
 * out when its handler ends. A PING is answered before anything else is looked at. Nothing that a peer sends ends the
 * loop: what has an intact header gets a failure, the rest is dropped.
 */
import { withDeadline } from '../../lib/deadline.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import {
  decodeData,
  decodeHeader,
  decodeRequestBody,
  type Envelope,
  emptyData,
  encodeFailureData,
  encodeHeader,
  encodeResultData,
  type MessageHeader,
  type MessageType,
  openEnvelope,
} from '../wire/callosum.ts';
import type { MsgpackValue } from '../wire/msgpack/value.ts';
import { type CallLimits, type OpenCall, OpenCalls } from './open-calls.ts';
import { failureParts, failureText, isCallersFault, isUnexpected, RpcFailure } from './rpc-failure.ts';
import { agentIdOf, bindArguments, type RpcCall, type RpcMethod, type RpcServices } from './rpc-method.ts';

/** The socket that the server talks through; `transport/` has it. */
export interface RpcSocket {
  /** Hands over messages as they arrive, until the socket is closed. */
  read(take: (message: readonly Uint8Array[]) => void): Promise<void>;
  /** Never throws, never waits. The peer's id is the first frame. */
  send(message: readonly Uint8Array[]): void;
}

/** What a server is made of. */
export interface RpcServerOptions {
  readonly socket: RpcSocket;
  readonly methods: readonly RpcMethod[];
  readonly services: RpcServices;
  readonly log: Logger;
  readonly limits?: CallLimits;
}

/** A message above this ends its connection; one above the codec's limit gets a failure. */
export const maxMessageBytes = 128 * 1024 * 1024;

const usualLimits: CallLimits = { peerCalls: 1024, calls: 8192, bytes: 256 * 1024 * 1024 };
const kindUpper = Buffer.from('UPPER');
const kindPong = Buffer.from('PONG');

/** A server over one socket. */
export class RpcServer {
  readonly #socket: RpcSocket;
  readonly #methods: ReadonlyMap<string, RpcMethod>;
  readonly #services: RpcServices;
  readonly #log: Logger;
  readonly #calls: OpenCalls;
  #stopping = false;
  #called = false;

  constructor(options: RpcServerOptions) {
    this.#socket = options.socket;
    this.#methods = new Map(options.methods.map((method) => [method.signature.name, method]));
    this.#services = options.services;
    this.#log = options.log;
    this.#calls = new OpenCalls(options.limits ?? usualLimits);
  }

  /** Calls that are under way. */
  get openCalls(): number {
    return this.#calls.count;
  }

  /** Whether a peer has sent anything that could be read. */
  get hasBeenCalled(): boolean {
    return this.#called;
  }

  /** Serves until the socket is closed. */
  async run(): Promise<void> {
    await this.#socket.read((frames) => this.accept(frames));
  }

  /** Takes one message; handlers begin before it returns. */
  accept(frames: readonly Uint8Array[]): void {
    const envelope = openEnvelope(frames);
    if (envelope === null) return;
    this.#called = true;
    if (envelope.kind === 'PING') {
      this.#socket.send([...envelope.routing, kindPong, envelope.header, envelope.data]);
    } else if (envelope.kind === 'UPPER') this.#acceptUpper(envelope);
  }

  /**
   * Takes no new calls, lets those under way end within the grace, and answers the rest with a failure. The socket is
   * the caller's to close.
   */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    await withDeadline({ what: 'the end of calls', timeoutMs: graceMs }, () => this.#calls.settled()).catch(() => {});
    for (const call of this.#calls) {
      const failure = stoppingFailure();
      this.#fail(call.peer, call, failure);
      call.answered = true;
      call.abort(failure);
    }
  }

  #acceptUpper({ routing, header: headerFrame, data }: Envelope): void {
    const [id] = routing;
    if (!id) return;
    let header: MessageHeader;
    try {
      header = decodeHeader(headerFrame);
    } catch (error) {
      this.#log.debug('a message without a readable header is dropped', { error });
      return;
    }
    const peer = Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1');
    if (header.type === 'function') this.#begin(peer, header, data);
    else if (header.type === 'cancel') this.#cancel(peer, header);
  }

  #begin(peer: string, header: MessageHeader, data: Uint8Array): void {
    const call = this.#stopping ? null : this.#calls.open(peer, header, data.length);
    if (call === null) {
      this.#fail(peer, { identity: header }, this.#stopping ? stoppingFailure() : crowdedFailure());
      return;
    }
    const begun = performance.now();
    const method = this.#methods.get(header.method);
    let outcome: unknown;
    try {
      if (!method) throw new RpcFailure('NotImplementedError', `the method ${header.method} is not served`);
      outcome = this.#start(method, call, header, data);
    } catch (error) {
      this.#end(call, method, begun, { error });
      return;
    }
    if (!(outcome instanceof Promise)) {
      this.#end(call, method, begun, { value: outcome });
      return;
    }
    outcome.then(
      (value: unknown) => this.#end(call, method, begun, { value }),
      (error: unknown) => this.#end(call, method, begun, { error }),
    );
  }

  #start(method: RpcMethod, call: OpenCall, header: MessageHeader, data: Uint8Array): unknown {
    const given = readArguments(data, header.compressed);
    const wanted = agentIdOf(given, method.signature);
    if (wanted !== null && wanted !== this.#services.agentId) {
      throw new RpcFailure('AgentIdNotFoundError', `this agent is ${this.#services.agentId}`);
    }
    return method.handle(bindArguments(method.signature, given), new Context(call, this.#services, this.#log));
  }

  #end(
    call: OpenCall,
    method: RpcMethod | undefined,
    begun: number,
    outcome: { readonly value: unknown } | { readonly error: unknown },
  ): void {
    this.#calls.close(call);
    let failure: unknown = 'error' in outcome ? outcome.error : undefined;
    if (!call.answered && !('error' in outcome)) {
      try {
        this.#reply(call.peer, 'result', call, encodeResultData(outcome.value as MsgpackValue));
      } catch (error) {
        failure = error;
      }
    }
    if (!call.answered && failure !== undefined) this.#fail(call.peer, call, failure, method);
    this.#note(call, method, begun, failure);
  }

  /** A caller that has gone: what only waits ends, what changes something goes on. */
  #cancel(peer: string, header: MessageHeader): void {
    const call = this.#calls.find(peer, header);
    if (!call || call.answered || !this.#methods.get(header.method)?.waitsOnly) return;
    this.#reply(peer, 'cancelled', call, emptyData);
    call.answered = true;
    call.abort(new DOMException('the caller has cancelled', 'AbortError'));
  }

  #fail(peer: string, call: Pick<OpenCall, 'identity'>, thrown: unknown, method?: RpcMethod): void {
    this.#reply(peer, 'failure', call, encodeFailureData(failureParts(thrown, method?.failures)));
  }

  #reply(peer: string, type: MessageType, { identity }: Pick<OpenCall, 'identity'>, data: Uint8Array): void {
    this.#socket.send([Buffer.from(peer, 'latin1'), kindUpper, encodeHeader(type, identity), data]);
  }

  #reportError(failure: unknown, method: RpcMethod | undefined): void {
    const [className, , trace] = failureParts(failure, method?.failures);
    this.#services.notifier.reportError({ message: `${className}: ${failureText(failure)}`, trace });
  }

  #note(call: OpenCall, method: RpcMethod | undefined, begun: number, failure: unknown): void {
    if (failure !== undefined && !isCallersFault(failure)) {
      this.#log.warn('a call failed', { ...fieldsOf(call, begun), error: failure });
      if (isUnexpected(failure)) this.#reportError(failure, method);
    } else if (method?.notable) {
      this.#log.info('call', { ...fieldsOf(call, begun), outcome: failure === undefined ? 'done' : 'refused' });
    }
  }
}

/** What a handler sees of its call. */
class Context implements RpcCall {
  readonly services: RpcServices;
  readonly log: Logger;
  readonly #call: OpenCall;

  constructor(call: OpenCall, services: RpcServices, log: Logger) {
    this.#call = call;
    this.services = services;
    this.log = log;
  }

  get signal(): AbortSignal {
    return this.#call.signal;
  }
}

function fieldsOf({ identity: { method, sequence } }: OpenCall, begun: number): Record<string, unknown> {
  return { method, sequence, ms: Math.round(performance.now() - begun) };
}

function readArguments(data: Uint8Array, compressed: boolean): ReturnType<typeof decodeRequestBody> {
  try {
    return decodeRequestBody(decodeData(data, compressed).body);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new RpcFailure('ValueError', `the request cannot be read: ${why}`);
  }
}

function stoppingFailure(): KerneletError {
  return new KerneletError('SHUTTING_DOWN', 'the agent is shutting down');
}

function crowdedFailure(): RpcFailure {
  return new RpcFailure('RuntimeError', 'too many calls are under way: wait for some to end');
}
