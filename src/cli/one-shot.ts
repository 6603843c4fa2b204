/** The life of a kernel that exists for one program: whatever happens, it is removed before the command ends. */
import { hasCode, toKerneletError } from '../lib/errors.ts';
import type { ExecuteRequest } from '../protocol/execute-request.ts';
import type { ApiClient, AttachedKernel, CreateBody } from './api-client.ts';
import type { CommandCall } from './command.ts';
import type { Interruption } from './interruption.ts';
import type { LocalFile } from './local-file.ts';
import { Progress } from './progress.ts';
import { RunSession } from './run-session.ts';
import type { Screen } from './screen.ts';

/** What to do. */
export interface OneShot {
  readonly create: CreateBody;
  readonly files: readonly LocalFile[];
  readonly request: ExecuteRequest;
  readonly saveMedia: string | undefined;
  /** Also where a manager decides. */
  readonly force: boolean;
}

/**
 * Should this command be killed together with the daemon, nobody is left to remove the kernel: then the next daemon
 * does, after it has been idle for so long.
 */
const orphanTimeoutMs = 60_000;

/** Runs the program and returns the exit status. */
export async function runOnce(call: CommandCall, shot: OneShot, connect: () => Promise<ApiClient>): Promise<number> {
  const { screen } = call;
  const interruption = call.listen();
  await using client = await connect();
  const attached = await createKernel(client, shot, screen, interruption.signal);
  try {
    return await runIn(client, attached, shot, screen, interruption);
  } finally {
    await removeKernel(client, attached, screen);
  }
}

/** Does not reject: how the program ended counts more. A kernel that could not be removed is named. */
async function removeKernel(client: ApiClient, { kernel, release }: AttachedKernel, screen: Screen): Promise<void> {
  try {
    await client.destroy(kernel.id, true);
  } catch (error) {
    if (hasCode(error, 'KERNEL_NOT_FOUND')) return;
    await screen.note(`the kernel ${kernel.id} could not be removed: ${toKerneletError(error).message}`);
  } finally {
    release();
  }
}

async function createKernel(
  client: ApiClient,
  shot: OneShot,
  screen: Screen,
  signal: AbortSignal,
): Promise<AttachedKernel> {
  await using progress = new Progress(screen);
  const body = { ...shot.create, idleTimeoutMs: orphanTimeoutMs };
  return await client.createAttached(body, (state) => progress.update(state), signal, shot.force);
}

async function runIn(
  client: ApiClient,
  { kernel }: AttachedKernel,
  shot: OneShot,
  screen: Screen,
  interruption: Interruption,
): Promise<number> {
  const { signal } = interruption;
  for (const warning of kernel.warnings) await screen.note(warning);
  for (const { containerPort, hostPort } of kernel.ports) {
    await screen.note(`port ${containerPort} is published on 127.0.0.1:${hostPort}`);
  }
  for (const file of shot.files) await client.upload(kernel.id, file.name, file, signal);
  const session = new RunSession({
    client,
    screen,
    kernel: kernel.id,
    request: shot.request,
    saveMedia: shot.saveMedia,
    memoryBytes: kernel.limits.memoryBytes,
    signal,
  });
  interruption.interruptWith(() => session.interrupt());
  return await session.show();
}
