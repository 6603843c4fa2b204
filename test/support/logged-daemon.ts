/** A daemon whose log is read, with the level of its configuration file. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { startKernelet } from './command.ts';
import { eventually } from './node-facts.ts';
import type { NodeUnderTest } from './node-under-test.ts';

/** The daemon, which is killed when this is disposed. */
export interface LoggedDaemon extends AsyncDisposable {
  readonly daemon: ChildProcess;
  /** With its exit status, null when a signal ended it, and that signal. */
  readonly ended: Promise<readonly unknown[]>;
  readonly text: () => string;
  readonly untilLogged: (text: string) => Promise<unknown>;
}

/** Starts it on the node's folder, and waits until it has its kernels. */
export async function startLogged(node: NodeUnderTest, file: string): Promise<LoggedDaemon> {
  const daemon = startKernelet(['serve', '-f', file], { environment: node.environment, directory: node.folder });
  daemon.stdin?.end();
  daemon.stdout?.resume();
  let log = '';
  daemon.stderr?.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  const untilLogged = (text: string): Promise<unknown> =>
    eventually(`a line with "${text}"`, async () => log.includes(text) || null, 60_000);
  const ended = once(daemon, 'exit');
  const logged = {
    daemon,
    ended,
    untilLogged,
    text: () => log,
    [Symbol.asyncDispose]: async () => {
      daemon.kill('SIGKILL');
      await ended;
    },
  };
  await untilLogged('"recovered"').catch(async (error: unknown) => {
    await logged[Symbol.asyncDispose]();
    throw error;
  });
  return logged;
}
