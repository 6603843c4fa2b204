/** The manager's own Python client, in a process of its own (`test/e2e/driver.py`): calls go side by side. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { ManagerPlace } from './place.ts';

const script = path.resolve(import.meta.dirname, '..', '..', 'e2e', 'driver.py');
/** The users of `manager/fixtures/base.json`. */
const keys = {
  admin: { access: 'AKIAE2EADMINTESTONLY', secret: 'e2e-fixture-secret-key-of-the-admin-0001' },
  user: { access: 'AKIAE2EUSERTESTONLY0', secret: 'e2e-fixture-secret-key-of-the-user-00002' },
} as const;

/** What the manager answered instead of a value. `status` is that of HTTP, 0 when the client itself failed. */
export class ManagerRefusal extends Error {
  readonly status: number;
  readonly title: string;

  constructor(call: string, failure: { readonly status: number; readonly title: string; readonly message: string }) {
    super(`${call}: ${failure.status} ${failure.title}: ${failure.message}`);
    this.name = 'ManagerRefusal';
    this.status = failure.status;
    this.title = failure.title;
  }
}

interface Waiting {
  readonly call: string;
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

/** See the file's head. Ends with its input. */
export class ManagerClient implements AsyncDisposable {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;
  #errors = '';

  /** Starts it for one of the users: a superadmin's sessions are ended by force without a word to their agent. */
  constructor(place: ManagerPlace, user: keyof typeof keys) {
    this.#child = spawn(place.python, [script], {
      env: {
        ...process.env,
        HOME: place.home,
        BACKEND_ENDPOINT: place.endpoint,
        BACKEND_ENDPOINT_TYPE: 'api',
        BACKEND_ACCESS_KEY: keys[user].access,
        BACKEND_SECRET_KEY: keys[user].secret,
      },
    });
    this.#child.stderr.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString()).slice(-4000);
    });
    this.#child.stdin.on('error', () => {});
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#take(line));
    this.#child.on('close', () => {
      for (const { call, reject } of this.#waiting.values()) {
        reject(new Error(`the client ended during ${call}: ${this.#errors}`));
      }
      this.#waiting.clear();
    });
  }

  #take(line: string): void {
    const reply = JSON.parse(line);
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.error) waiting?.reject(new ManagerRefusal(waiting.call, reply.error));
    else waiting?.resolve(reply.value as never);
  }

  /**
   * One call of the driver's table. Throws ManagerRefusal for what the manager refuses and for what takes longer than
   * `seconds` (120).
   *
   * @typeParam Value the shape of the answer, which the caller knows from the manager's documentation.
   */
  async call<Value = unknown>(name: string, given: Readonly<Record<string, unknown>> = {}): Promise<Value> {
    this.#last += 1;
    const id = this.#last;
    return await new Promise<Value>((resolve, reject) => {
      this.#waiting.set(id, { call: `${name} ${given['method'] ?? ''}`, resolve, reject });
      this.#child.stdin.write(`${JSON.stringify({ id, do: name, ...given })}\n`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.stdin.end();
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await closed;
    clearTimeout(late);
  }
}
