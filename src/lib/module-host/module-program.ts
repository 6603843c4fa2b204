/**
 * The program of a module host. It loads the module (a third party's plugin, a driver's library, a reader of what anybody has
 * written) and passes calls on to its functions, one after the other; whatever they throw becomes an answer. It is a process,
 * since a thread that runs out of memory or crashes in native code would take the daemon along. Calls are lines on the
 * standard input, answers lines on descriptor 3; they are checked on the other side.
 */
import { writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isAbsolute } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { programArguments } from '../node-process.ts';
import type { ModuleCall, ModuleReply } from './module-host.ts';

/** The exports of the module, of which nothing is known. */
type LoadedModule = Readonly<Record<string, unknown>>;

const answers = 3;
/** Functions that a device plugin need not have. */
const optional = ['hardware', 'measure'];
const [specifier = '', from = '', parent = ''] = programArguments();

/** Far more than is shown of it: what cuts a secret in two leaves the first part unknown, and the daemon takes secrets out. */
const maxMessage = 100_000;
const messageOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, maxMessage);
const reply = (message: ModuleReply): void => {
  for (let rest = Buffer.from(`${JSON.stringify(message)}\n`); rest.length > 0; ) {
    rest = rest.subarray(writeSync(answers, rest));
  }
};

process.on('uncaughtException', (error) => {
  reply({ id: 0, error: messageOf(error) });
  process.exit(1);
});
// Ctrl-C and a service manager's stop reach the whole group: the daemon needs the plugin until it ends it itself.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
// A plugin in an endless loop doesn't see that its input has ended: a thread watches for the end of the daemon.
// By its number, since it may have ended before the thread begins.
const watch = `setInterval(() => process.ppid === ${Number(parent)} || process.kill(process.pid, 'SIGKILL'), 1000);`;
new Worker(watch, { eval: true }).unref();

async function load(): Promise<LoadedModule> {
  const path = isAbsolute(specifier) ? specifier : createRequire(from).resolve(specifier);
  const loaded: LoadedModule = await import(pathToFileURL(path).href);
  return typeof loaded['discover'] === 'function'
    ? loaded
    : ((loaded['default'] as LoadedModule | undefined) ?? loaded);
}

const loading = load();
loading.catch(() => {});

async function answer({ id, method, argument }: ModuleCall): Promise<ModuleReply> {
  try {
    const operation = (await loading)[method];
    if (typeof operation !== 'function') {
      return optional.includes(method) ? { id, value: 'null' } : { id, error: `it has no function ${method}` };
    }
    const value: unknown = await operation(argument);
    return { id, value: JSON.stringify(value ?? null) };
  } catch (error) {
    return { id, error: messageOf(error) };
  }
}

/** The end of the call before. */
let last: Promise<void> = Promise.resolve();
createInterface({ input: process.stdin })
  .on('line', (line) => {
    last = last.then(async () => reply(await answer(JSON.parse(line))));
  })
  .on('close', () => process.exit(0));
