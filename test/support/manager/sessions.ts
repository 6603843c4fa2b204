/** Sessions of a manager: made, run in, looked at and ended through its public API. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ManagerClient } from './driver.ts';
import { managerImage } from './place.ts';

/** What one `execute` says; `console` holds pairs of a kind and a text. */
export interface RunPiece {
  readonly runId: string;
  readonly status: string;
  readonly exitCode: number | null;
  readonly console: readonly (readonly [string, unknown])[];
}

/** A whole run: its pieces put together. */
export interface RunOutcome {
  readonly statuses: readonly string[];
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What is neither: pictures, HTML. */
  readonly shown: readonly (readonly [string, unknown])[];
}

/** A kernel as the manager's database has it. */
export interface KernelRow {
  readonly id: string;
  readonly cluster_role: string;
  readonly cluster_hostname: string;
  readonly status: string;
  readonly status_info: string | null;
  readonly container_id: string | null;
  readonly live_stat: Readonly<Record<string, Readonly<Record<string, string>>>> | null;
}

/** A session as the manager's database has it. */
export interface SessionRow {
  readonly status: string;
  readonly status_info: string | null;
  readonly status_data: unknown;
  readonly result: string;
  readonly occupied_slots: Readonly<Record<string, string>>;
  readonly containers: readonly KernelRow[];
}

interface App {
  readonly name: string;
  readonly protocol: string;
  readonly ports: readonly number[];
}

const rowQuery = `query($id: UUID!) { compute_session(id: $id) {
  status status_info status_data result occupied_slots
  containers { id cluster_role cluster_hostname status status_info container_id live_stat }
} }`;

const parsed = <Value>(value: Value | string): Value => (typeof value === 'string' ? JSON.parse(value) : value);

/** A row of its statuses, for what a test says when it waits in vain. */
const summary = (row: SessionRow): string =>
  `${row.status} ${row.status_info ?? ''} ${JSON.stringify(row.status_data)} ${row.containers
    .map((kernel) => `${kernel.cluster_hostname}: ${kernel.status} ${kernel.status_info ?? ''}`)
    .join(', ')}`;

export class ManagedSession implements AsyncDisposable {
  readonly #client: ManagerClient;
  readonly id: string;
  readonly name: string;
  readonly created: boolean;
  readonly status: string;
  readonly apps: readonly App[];

  constructor(client: ManagerClient, made: MadeSession) {
    this.#client = client;
    this.id = made.id;
    this.name = made.name;
    this.created = made.created;
    this.status = made.status;
    this.apps = made.servicePorts;
  }

  /** A function of the client for sessions. */
  async ask<Value>(method: string, ...args: readonly unknown[]): Promise<Value> {
    return await this.#client.call('session', { name: this.name, method, args });
  }

  /** The same with named arguments. */
  async askWith<Value>(method: string, options: Readonly<Record<string, unknown>>): Promise<Value> {
    return await this.#client.call('session', { name: this.name, method, options });
  }

  /** Another call of the driver about this session. */
  async call<Value>(name: string, given: Readonly<Record<string, unknown>> = {}): Promise<Value> {
    return await this.#client.call(name, { name: this.name, ...given });
  }

  /** One `execute`. */
  async execute(code: string, mode = 'query', runId?: string, opts?: object): Promise<RunPiece> {
    return await this.askWith('execute', { run_id: runId ?? null, code, mode, opts: opts ?? null });
  }

  /** Runs code to its end, answering its questions one after the other. */
  async run(code: string, answers: readonly string[] = [], mode = 'query', opts?: object): Promise<RunOutcome> {
    const left = [...answers];
    const pieces = [await this.execute(code, mode, undefined, opts)];
    for (;;) {
      const last = pieces[pieces.length - 1];
      if (!last || last.status === 'finished' || last.status === 'exec-timeout') break;
      if (pieces.length > 200) throw new Error('the run does not end');
      pieces.push(
        last.status === 'waiting-input'
          ? await this.execute(left.shift() ?? '', 'input', last.runId)
          : await this.execute('', 'continue', last.runId),
      );
    }
    const output = pieces.flatMap((piece) => piece.console);
    const text = (kind: string): string =>
      output
        .filter(([is]) => is === kind)
        .map(([, what]) => String(what))
        .join('');
    return {
      statuses: pieces.map((piece) => piece.status),
      exitCode: pieces.at(-1)?.exitCode ?? null,
      stdout: text('stdout'),
      stderr: text('stderr'),
      shown: output.filter(([kind]) => kind !== 'stdout' && kind !== 'stderr'),
    };
  }

  /** What the database says of it, also after its end. */
  async row(): Promise<SessionRow> {
    const { compute_session: row } = await this.#client.call<{ compute_session: SessionRow }>('query', {
      query: rowQuery,
      variables: { id: this.id },
    });
    return {
      ...row,
      status_data: parsed(row.status_data),
      occupied_slots: parsed(row.occupied_slots),
      containers: row.containers.map((kernel) => ({ ...kernel, live_stat: parsed(kernel.live_stat) })),
    };
  }

  /** The id of its only or first kernel. */
  async kernelId(): Promise<string> {
    const main = (await this.row()).containers.find((kernel) => kernel.cluster_role === 'main');
    if (!main) throw new Error(`the session ${this.name} has no main kernel`);
    return main.id;
  }

  /** Waits until the row is as wanted. The manager itself looks every seven seconds. */
  async until(wanted: (row: SessionRow) => boolean, seconds = 60): Promise<SessionRow> {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
      const row = await this.row();
      if (wanted(row)) return row;
      if (Date.now() > deadline) throw new Error(`the session ${this.name} is ${summary(row)} after ${seconds} s`);
      await sleep(500);
    }
  }

  async untilStatus(status: string, seconds = 60): Promise<SessionRow> {
    return await this.until((row) => row.status === status, seconds);
  }

  /** Ends it and waits until the manager says so. */
  async destroy(): Promise<SessionRow> {
    await this.ask('destroy');
    return await this.untilStatus('TERMINATED');
  }

  /**
   * Has it ended, for a test that needs it no longer; does not wait for it. Never twice: a manager that is asked to end by
   * force what is ending already forgets to free its slots.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const { status } = await this.row();
    if (/^(TERMINATING|TERMINATED|CANCELLED)$/.test(status)) return;
    await this.askWith('destroy', { forced: status !== 'RUNNING' }).catch(() => {});
  }
}

interface MadeSession {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly created: boolean;
  readonly servicePorts: readonly App[];
}

let made = 0;

/** Makes a session of one core, and waits until it runs unless `options` say otherwise (as the Python client names them). */
export async function createSession(
  client: ManagerClient,
  options: Readonly<Record<string, unknown>> = {},
): Promise<ManagedSession> {
  made += 1;
  const session = await client.call<MadeSession>('create', {
    options: {
      image: managerImage,
      name: `e2e-${process.pid}-${made}`,
      resources: { cpu: 1, mem: '256m' },
      max_wait: 90,
      group_name: 'default',
      domain_name: 'default',
      ...options,
    },
  });
  const managed = new ManagedSession(client, session);
  if (!options['enqueue_only'] && session.status !== 'RUNNING') await managed.untilStatus('RUNNING', 1);
  return managed;
}
