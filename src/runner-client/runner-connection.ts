/**
 * The client of one runner. It keeps a control connection while the container lives, and ties the parts together:
 * `reconnect` (one connection after the other), `request-table` (requests without a reply), `run-readers` (readers of
 * runs), `run-index` (where runs stand), `run-deadlines`, `generations` (what older runners lack), `reachability`, `unasked-frames`, `subscribers`,
 * `file-connections`, and `port-connections`.
 */
import type { Duplex } from 'node:stream';
import { raceWithSignal } from '../lib/deadline.ts';
import { KerneletError, toKerneletError } from '../lib/errors.ts';
import type { RunId } from '../lib/ids.ts';
import type { ControlMethod, RunnerMethod, RunnerRequest, RunnerRequests } from '../protocol/agent-frames.ts';
import { FrameError } from '../protocol/frame.ts';
import { describe } from '../protocol/run-description.ts';
import type { NumberedRunEvent, RunSummary } from '../protocol/run-event.ts';
import type { RunnerFrameHeader, RunnerStatus } from '../protocol/runner-frames.ts';
import type { Connection, Welcome } from './connection.ts';
import { FileConnections } from './file-connections.ts';
import { type Need, needOf } from './generations.ts';
import { LivenessProbe } from './liveness-probe.ts';
import { parseResult } from './message-guards.ts';
import { PortConnections } from './port-connections.ts';
import { Reachability } from './reachability.ts';
import { keepConnected } from './reconnect.ts';
import { RequestTable } from './request-table.ts';
import { RunDeadlines } from './run-deadlines.ts';
import { RunIndex } from './run-index.ts';
import { exitCodeOf, RunReaders, timeLimitEnd } from './run-readers.ts';
import type { Download, RunnerAddress, RunnerClient, RunnerClientEvent, RunnerConnector } from './runner-client.ts';
import { clientClosed, type KernelEnd, kernelDied, olderRunner, protocolError } from './runner-errors.ts';
import { defaultOptions, type RunnerConnectionOptions } from './runner-options.ts';
import { Subscribers } from './subscribers.ts';
import { UnaskedFrames } from './unasked-frames.ts';

/** A runner that owes an answer for this long is unreachable. */
const afterMs = 15_000;
/** How long followers of runs wait for an unreachable runner. */
const patienceMs = 300_000;
/** Counts since the client was made; all but `reconnects` stay 0 unless something is wrong. */
export interface RunnerInvariantViolations {
  readonly violations: number;
  readonly orphanedReplies: number;
  readonly orphanedEvents: number;
  readonly reconnects: number;
}

/** Makes a connector with these options. */
export const createRunnerConnector =
  (options: RunnerConnectionOptions = {}): RunnerConnector =>
  (address) =>
    new RunnerConnection(address, options);

/** A client of one runner; begins to connect at once. */
export class RunnerConnection implements RunnerClient {
  readonly #options: Required<RunnerConnectionOptions>;
  readonly #index = new RunIndex();
  readonly #requests = new RequestTable();
  readonly #readers: RunReaders;
  readonly #reachability: Reachability;
  readonly #deadlines: RunDeadlines;
  readonly #files: FileConnections;
  readonly #ports: PortConnections;
  readonly #unasked: UnaskedFrames;
  readonly #subscribers: Subscribers;
  /** Aborted with the reason when the kernel has ended, the runner is given up, or this was disposed. */
  readonly #over = new AbortController();
  readonly #loop: Promise<void>;
  /** What is still told after the kernel's end. */
  #ending: Promise<void> = Promise.resolve();
  #connection: Connection | null = null;
  #status: RunnerStatus | null = null;
  #protocol = 0;
  #violations = 0;
  #connects = 0;

  constructor(address: RunnerAddress, options: RunnerConnectionOptions = {}) {
    this.#options = { ...defaultOptions, ...options };
    const { clock, log } = this.#options;
    this.#subscribers = new Subscribers(log);
    this.#unasked = new UnaskedFrames(clock, () => this.#subscribers.publish({ type: 'unasked' }));
    this.#readers = new RunReaders(this.#index, clock);
    this.#deadlines = new RunDeadlines({
      ...{ clock, signal: this.#over.signal },
      ping: (signal) => this.#requests.add({ method: 'ping', params: null }, { signal }),
      kill: (run) => this.#kill(run),
      expire: (run) => this.#expire(run),
    });
    this.#reachability = new Reachability({
      ...{ clock, afterMs, patienceMs },
      onLost: (error) => this.#lost(error),
      onPatienceOver: (error) => this.#readers.refuse(error),
      onFound: () => this.#found(),
    });
    const own = {
      ...this.#options,
      address,
      signal: this.#over.signal,
      assertReachable: () => this.#assertReachable(),
    };
    this.#files = new FileConnections(own);
    this.#ports = new PortConnections(own);
    this.#loop = keepConnected({
      ...this.#options,
      address,
      signal: this.#over.signal,
      serve: (connection, welcome) => this.#serve(connection, welcome),
      countViolation: () => {
        this.#violations += 1;
        return this.#violations;
      },
    }).catch((thrown) => this.#giveUp(toKerneletError(thrown)));
  }

  /** What went wrong so far. */
  invariantViolations(): RunnerInvariantViolations {
    const { orphanedReplies } = this.#requests;
    const { orphanedEvents } = this.#readers;
    return {
      violations: this.#violations,
      orphanedReplies,
      orphanedEvents,
      reconnects: Math.max(0, this.#connects - 1),
    };
  }

  async ready(signal: AbortSignal): Promise<RunnerStatus> {
    const over = this.#over.signal;
    const either = AbortSignal.any([signal, over]);
    const settled = Promise.withResolvers<void>();
    const isSettled = (): boolean => this.#status !== null && this.#status.phase !== 'starting';
    using _subscription = this.subscribe(() => isSettled() && settled.resolve());
    either.throwIfAborted();
    if (!isSettled()) await raceWithSignal(settled.promise, either);
    const status = this.#status;
    if (status?.phase === 'ready') return status;
    const detail = status?.detail || `it is ${status?.phase}`;
    throw new KerneletError('RUNNER_NOT_READY', `the runner in the container cannot serve: ${detail}`);
  }

  async request<M extends ControlMethod>(
    method: M,
    params: RunnerRequests[M]['params'],
    options: { signal: AbortSignal; body?: Uint8Array },
  ): Promise<RunnerRequests[M]['result']> {
    this.#over.signal.throwIfAborted();
    // The pair is correlated by M, which the compiler loses.
    const request = { method, params } as RunnerRequest;
    this.#assertReachable();
    if (request.method === 'forget') {
      const result = await this.#ask(method, request, options);
      this.#index.gone(request.params.run);
      return result;
    }
    // Without an await between, so that it is among what is pending when the kernel ends.
    const need = needOf(request);
    if (need) await this.#assertAble(need, options.signal);
    if (request.method !== 'execute') return await this.#ask(method, request, options);
    const { run, request: execution } = request.params;
    this.#index.ask(run);
    this.#readers.expect(run, describe(execution));
    let accepted = false;
    try {
      const ask = (signal: AbortSignal) => this.#ask(method, request, { ...options, signal });
      const result = await this.#deadlines.handOver(run, execution.timeoutMs, { signal: options.signal, ask });
      accepted = true;
      return result;
    } finally {
      this.#readers.expected(run, accepted);
    }
  }

  events(run: RunId, after: number, signal: AbortSignal): AsyncIterable<NumberedRunEvent> {
    return { [Symbol.asyncIterator]: () => this.#readers.open(run, after, signal) };
  }

  runs(): readonly RunSummary[] {
    return this.#index.list();
  }

  connected(): boolean {
    return this.#connection !== null;
  }

  unreachableSince(): number | null {
    return this.#reachability.since;
  }

  busy(): boolean {
    return this.#requests.size > 0 || this.#files.underWay > 0;
  }

  suspend(isSuspended: boolean): void {
    this.#reachability.suspend(isSuspended);
    if (!isSuspended && this.#connection === null) this.#reachability.asked();
  }

  status(): RunnerStatus | null {
    return this.#status;
  }

  async upload(
    path: string,
    content: ReadableStream<Uint8Array>,
    options: { mode: number | null; signal: AbortSignal },
  ): Promise<{ bytes: number }> {
    return await this.#files.upload(path, content, options);
  }

  async download(path: string, signal: AbortSignal): Promise<Download> {
    return await this.#files.download(path, signal);
  }

  async connectPort(port: number, signal: AbortSignal): Promise<Duplex> {
    this.#over.signal.throwIfAborted();
    this.#assertReachable();
    const need = needOf({ method: 'connect', params: { port } });
    if (need) await this.#assertAble(need, signal);
    return await this.#ports.connect(port, signal);
  }

  unpack(...asked: Parameters<RunnerClient['unpack']>): ReturnType<RunnerClient['unpack']> {
    return this.#files.unpack(...asked);
  }

  watch(...asked: Parameters<RunnerClient['watch']>): ReturnType<RunnerClient['watch']> {
    return this.#files.watch(...asked);
  }

  subscribe(listener: (event: RunnerClientEvent) => void): Disposable {
    return this.#subscribers.add(listener);
  }

  ended(reason: KernelEnd): void {
    if (this.#over.signal.aborted) return;
    const error = kernelDied(reason);
    this.#stop(error);
    this.#ending = this.#takeLastOutput(error).then(() => this.#endRuns(reason));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#giveUp(clientClosed());
    await this.#ending;
    await this.#loop;
    this.#subscribers.clear();
  }

  async #ask<M extends RunnerMethod>(
    method: M,
    request: RunnerRequest,
    options: { signal: AbortSignal; body?: Uint8Array },
  ): Promise<RunnerRequests[M]['result']> {
    const result = await this.#requests.add(request, options);
    try {
      return parseResult(method, result);
    } catch (cause) {
      throw protocolError(cause);
    }
  }

  /** Throws NOT_SUPPORTED for what a runner of its generation does not know, which is seen when it is ready. */
  async #assertAble(need: Need, signal: AbortSignal): Promise<void> {
    await this.ready(signal);
    if (this.#protocol < need.generation) throw olderRunner(need.lack);
  }

  #assertReachable(): void {
    if (this.#reachability.problem) throw this.#reachability.problem;
  }

  #lost(error: KerneletError): void {
    this.#requests.unanswered(error);
    this.#deadlines.reachable(false);
    this.#subscribers.publish({ type: 'unreachable' });
  }

  #found(): void {
    this.#readers.refuse(null);
    this.#deadlines.reachable(true);
    for (const run of this.#readers.expired()) this.#kill(run);
    this.#subscribers.publish({ type: 'reachable' });
  }

  /** The time of a run is over: it has ended for everybody here, whatever the runner does. */
  #expire(run: RunId): void {
    this.#readers.expire(run);
    this.#kill(run);
    const summary = this.#index.get(run);
    if (!summary) return;
    const ended = { ...summary, ...timeLimitEnd, phase: 'finished' } as const;
    this.#index.update(ended);
    this.#subscribers.publish({ type: 'run', summary: ended });
  }

  /** Nobody waits for it: a runner that does not do it now is asked again when it is back. */
  #kill(run: RunId): void {
    const request = { method: 'cancel', params: { run, signal: 'SIGKILL' } } as const;
    this.#requests.add(request, { signal: this.#over.signal }).catch(() => {});
  }

  /** Where a run stands, as the runner says. */
  #runChanged(summary: RunSummary): void {
    this.#deadlines.changed(summary);
    if (summary.phase === 'finished') this.#readers.unexpire(summary.run);
    this.#subscribers.publish({ type: 'run', summary });
  }

  /** Runs that the kernel's end has cut off end with it, for readers and listeners. */
  #endRuns(end: KernelEnd): void {
    this.#readers.ended(end);
    const cutOff = { phase: 'finished', exitCode: exitCodeOf(end.exitCode), reason: 'kernel-ended' } as const;
    for (const summary of this.#index.list()) {
      if (summary.phase !== 'finished') this.#subscribers.publish({ type: 'run', summary: { ...summary, ...cutOff } });
    }
  }

  /** Resolves with why the connection was closed. */
  async #serve(connection: Connection, welcome: Welcome): Promise<KerneletError> {
    using perConnection = new DisposableStack();
    perConnection.use(connection);
    if (this.#over.signal.aborted) return clientClosed();
    this.#unasked.greeting(welcome.runs.length);
    // What an earlier process has asked for, the first greeting says.
    if (this.#connects === 0) for (const { run } of welcome.runs) this.#index.ask(run);
    const runs = welcome.runs.filter((summary) => this.#believes(summary));
    const gone = perConnection.adopt(new AbortController(), (controller) => controller.abort()).signal;
    const ping = (signal: AbortSignal): Promise<unknown> => {
      this.#reachability.asked();
      return this.#requests.add({ method: 'ping', params: null }, { signal });
    };
    const probe = perConnection.use(
      new LivenessProbe({
        clock: this.#options.clock,
        intervalMs: this.#options.probeIntervalMs,
        timeoutMs: this.#options.probeTimeoutMs,
        ping,
        isSuspended: () => this.#reachability.isSuspended,
        onSilence: (error) => connection.close(silenceOf(error)),
      }),
    );
    this.#connection = connection;
    this.#connects += 1;
    this.#protocol = welcome.protocol;
    this.#status = welcome.status;
    this.#index.replace(runs);
    this.#requests.connected((header, body) => {
      connection.send(header, body);
      this.#unasked.requested();
    });
    this.#readers.connected({
      send: (header) => {
        connection.send(header);
        if (header.t === 'detach') this.#unasked.detached();
      },
      barrier: () => ping(gone),
      drained: () => connection.drained(),
    });
    this.#subscribers.publish({ type: 'connected' });
    this.#subscribers.publish({ type: 'status', status: welcome.status });
    for (const summary of runs) this.#runChanged(summary);
    this.#reachability.heard();
    connection.deliverTo((header, body, headerBytes) => {
      probe.heard();
      this.#reachability.heard();
      if (!this.#take(header, body)) this.#unasked.unasked(headerBytes);
      else if (header.t === 'event') this.#unasked.read(headerBytes);
    });
    const reason = await connection.closed;
    this.#connection = null;
    if (!this.#over.signal.aborted) this.#reachability.asked();
    this.#readers.disconnected();
    this.#requests.disconnected();
    this.#subscribers.publish({ type: 'disconnected' });
    return reason;
  }

  /** Gives a frame to whoever it is for; whether somebody waited for it. */
  #take(header: RunnerFrameHeader, body: Uint8Array): boolean {
    if (header.t === 'event') {
      return this.#readers.deliver(header.run, { n: header.n, event: header.event, body }, header.reader);
    }
    if (header.t === 'reply') return this.#requests.settle(header);
    if (header.t === 'status') {
      this.#status = header.status;
      this.#subscribers.publish({ type: 'status', status: header.status });
    } else if (header.t === 'run') {
      if (this.#believes(header.summary)) {
        this.#index.update(header.summary);
        if (header.summary.phase === 'finished') this.#readers.finished(header.summary.run, header.summary.last);
        this.#runChanged(header.summary);
      }
    } else {
      throw new FrameError(`a frame ${header.t} is out of place`);
    }
    return false;
  }

  /** Whether a run may be spoken of: somebody has asked for it. */
  #believes({ run }: RunSummary): boolean {
    if (this.#index.wasAsked(run)) return true;
    this.#subscribers.publish({ type: 'unasked' });
    return false;
  }

  /** What the kernel wrote before its end may still lie in the socket: reads it until the runner's end of it closes. */
  async #takeLastOutput(error: KerneletError): Promise<void> {
    const connection = this.#connection;
    if (!connection) return;
    const timer = this.#options.clock.after(this.#options.lastOutputMs, () => connection.close(error));
    await connection.closed;
    timer[Symbol.dispose]();
  }

  #giveUp(error: KerneletError): void {
    this.#connection?.close(error);
    if (this.#over.signal.aborted) return;
    this.#stop(error);
    this.#readers.fail(error);
  }

  /** Nothing more is asked of the runner. */
  #stop(error: KerneletError): void {
    this.#over.abort(error);
    this.#requests.fail(error);
    this.#reachability[Symbol.dispose]();
    this.#deadlines[Symbol.dispose]();
  }
}

const silenceOf = (cause: unknown): KerneletError =>
  new KerneletError('CONNECTION_LOST', "the kernel's runner does not answer", { cause });
