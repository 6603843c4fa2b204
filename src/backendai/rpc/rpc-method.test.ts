import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { rpcServices } from '../../../test/support/rpc-services.ts';
import type { Agent } from '../../agent/agent.ts';
import { newKernelId } from '../../lib/ids.ts';
import { silentLogger } from '../../lib/log.ts';
import { methods } from './methods/index.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** An agent whose runners are frozen. */
const never = () => new Promise<never>(() => {});
async function* silence() {
  yield await never();
}
const frozen = {
  interrupt: never,
  listFiles: never,
  upload: never,
  download: never,
  logs: silence,
} as unknown as Agent;

it.each([
  ['interrupt_kernel', 10_000],
  ['list_files', 30_000],
  ['upload_file', 120_000],
  ['download_file', 120_000],
  ['download_single', 120_000],
  ['get_logs', 60_000],
])('%s is answered in the end, also when the runner or the engine hangs', async (name, maxMs) => {
  await using services = rpcServices({ agent: frozen });
  const method = methods.find(({ signature }) => signature.name === name);
  const args = { kernel_id: newKernelId(), path: '.', filepath: 'a', filename: 'a', filedata: new Uint8Array(1) };
  const call = { services, signal: new AbortController().signal, log: silentLogger };
  let outcome: unknown = 'none yet';
  Promise.resolve(method?.handle(args, call)).catch((error: unknown) => {
    outcome = error;
  });
  await vi.advanceTimersByTimeAsync(maxMs - 1);
  expect(outcome).toBe('none yet');
  await vi.advanceTimersByTimeAsync(1);
  expect(outcome).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
});
