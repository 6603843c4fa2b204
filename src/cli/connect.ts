/** The way from a command to an agent: the daemon, or one of the command's own. */
import { resolve } from 'node:path';
import { hasCode } from '../lib/errors.ts';
import { ApiClient } from './api-client.ts';
import type { CommandCall } from './command.ts';
import { LocalTransport, type Transport, UnixTransport } from './transport.ts';

/** A client of the daemon. Its first request fails with DAEMON_UNREACHABLE when there is none. */
export async function daemonClient(call: CommandCall): Promise<ApiClient> {
  return new ApiClient(await transportOf(call));
}

/** A client of a running daemon, else of an agent inside this process. */
export async function anyClient(call: CommandCall): Promise<ApiClient> {
  const transport = await transportOf(call);
  if (await answers(transport)) return new ApiClient(transport);
  await transport[Symbol.asyncDispose]();
  return new ApiClient(
    new LocalTransport(await call.host.startLocalAgent({ stateDir: call.options.text('state-dir') })),
  );
}

async function transportOf(call: CommandCall): Promise<UnixTransport> {
  const { isTerminal } = call.host.io.stderr;
  let last = '';
  // For who sits and waits; what a program writes to standard error stays the program's alone in files and pipes.
  const whileStarting = (text: string): void => {
    if (isTerminal && text !== last) void call.screen.note(`the daemon is starting: ${text} …`);
    last = text;
  };
  return new UnixTransport(await socketPathOf(call), { clock: call.host.io.clock, whileStarting });
}

/** Flag > environment > file > default. Without flag and variable the configuration is looked at. */
async function socketPathOf({ host: { io }, options }: CommandCall): Promise<string> {
  const named = options.text('socket') || io.environ['KERNELET_SOCKET'];
  if (named) return resolve(io.workingDirectory, named);
  const { resolveSocketPath } = await import('../config/paths.ts');
  return await resolveSocketPath({
    environ: io.environ,
    workingDir: io.workingDirectory,
    homeDir: io.homeDirectory,
    uid: io.userId,
  });
}

async function answers(transport: Transport): Promise<boolean> {
  try {
    const response = await transport.send({ method: 'GET', path: '/v1/status', idempotent: true, retry: 'never' });
    for await (const _ of response.body) {
      // Read to its end, so that the connection serves the next request.
    }
    return true;
  } catch (error) {
    if (hasCode(error, 'DAEMON_UNREACHABLE')) return false;
    throw error;
  }
}
