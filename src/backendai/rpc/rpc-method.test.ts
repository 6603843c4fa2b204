import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { rpcServices } from '../../../test/support/rpc-services.ts';
import type { Agent } from '../../agent/agent.ts';
import { newKernelId } from '../../lib/ids.ts';
import { silentLogger } from '../../lib/log.ts';
import type { MsgpackValue } from '../wire/msgpack/value.ts';
import { anything } from './fields.ts';
import { getLocalConfig } from './methods/get-local-config.ts';
import { healthV2 } from './methods/health.ts';
import { methods } from './methods/index.ts';
import { RpcFailure } from './rpc-failure.ts';
import { agentIdOf, bindArguments, define } from './rpc-method.ts';

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

// @promise calls-answered
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

const signature = define(
  'm',
  { first: anything, second: z.string().default('b'), named: z.int().default(0), last: z.int() },
  anything,
  2,
);
const bind = (args: MsgpackValue[], kwargs: Record<string, MsgpackValue> = {}): unknown =>
  bindArguments(signature, { args, kwargs });

describe('bindArguments', () => {
  it('binds by position and by name, with defaults', () => {
    expect(bind([1], { last: 2 })).toEqual({ first: 1, second: 'b', named: 0, last: 2 });
    expect(bind([], { second: 'x', first: null, named: 3, last: 4, agent_id: 'i-other' })).toEqual({
      first: null,
      second: 'x',
      named: 3,
      last: 4,
    });
  });

  it.each([
    ['too many by position', [1, 'b', 3], { last: 1 }, 'm() takes 2 positional arguments but 3 were given'],
    ['a missing one', [], { last: 1 }, "m() missing 1 required positional argument: 'first'"],
    ['a missing one by name', [1], {}, "m() missing 1 required keyword-only argument: 'last'"],
    ['one given twice', [1], { first: 1, last: 1 }, "m() got multiple values for argument 'first'"],
    ['an unknown one', [1], { last: 1, other: 1 }, "m() got an unexpected keyword argument 'other'"],
    ['another type', [1, 2], { last: 1 }, 'm() argument second: Invalid input: expected string, received number'],
    ['a fraction', [1], { last: 1.5 }, 'm() argument last: Invalid input: expected int, received number'],
  ])('refuses %s as a TypeError', (_, args, kwargs, message) => {
    expect(() => bind(args, kwargs)).toThrow(expect.objectContaining({ className: 'TypeError', message }));
  });

  it('misses the map of the third style in its own words', () => {
    expect(() => bindArguments(healthV2.signature, { args: [], kwargs: {} })).toThrow(
      expect.objectContaining({ className: 'ValueError' }),
    );
    expect(bindArguments(healthV2.signature, { args: [], kwargs: { req: {}, agent_id: 'i-1' } })).toEqual({ req: {} });
  });

  it('knows which agent is meant, by name or where the method has a place for it', () => {
    expect(agentIdOf({ args: [1], kwargs: { agent_id: 'i-1' } }, signature)).toBe('i-1');
    expect(agentIdOf({ args: [1], kwargs: {} }, signature)).toBeNull();
    expect(agentIdOf({ args: ['i-2'], kwargs: {} }, getLocalConfig.signature)).toBe('i-2');
    expect(agentIdOf({ args: [], kwargs: {} }, getLocalConfig.signature)).toBeNull();
  });
});

it('takes an agent’s id behind all arguments, where the method has no place for it', () => {
  const three = { args: ['k', 'text', {}] as MsgpackValue[], kwargs: {} };
  const four = { ...three, args: [...three.args, 'i-1'] };
  const plain = define('p', { one: anything, two: anything, three: anything }, anything);
  expect([agentIdOf(three, plain), agentIdOf(four, plain)]).toEqual([null, 'i-1']);
  expect(bindArguments(plain, four)).toEqual(bindArguments(plain, three));
  expect(bindArguments(plain, { ...four, args: [...three.args, null] })).toEqual(bindArguments(plain, three));
  for (const args of [[...three.args, 5], [...four.args, 'i-1'], three.args.slice(1)]) {
    expect(() => bindArguments(plain, { args, kwargs: {} })).toThrow(RpcFailure);
  }
  expect(() => bindArguments(plain, { ...four, kwargs: { agent_id: 'i-2' } })).toThrow('takes 3 positional');
  expect(() => bindArguments(signature, { args: [1, 'b', 'i-1'], kwargs: { last: 1 } })).toThrow('takes 2 positional');
});

describe('signatures', () => {
  it('are there for every method of 24.09 and 26.8, once each', () => {
    const wanted =
      `ping update_scaling_group gather_hwinfo ping_kernel sync_kernel_registry create_kernels destroy_kernel
      interrupt_kernel get_completions get_logs restart_kernel execute trigger_batch_execution start_service
      shutdown_service get_commit_status commit push_image get_local_config upload_file download_file download_single
      list_files shutdown_agent create_local_network destroy_local_network reset_agent assign_port release_port
      clean_all_kernels health health_v2 gather_hwinfo_v2 check_and_pull check_pulling check_creating check_running
      purge_images scan_gpu_alloc_map purge_containers drop_kernel_registry`.split(/\s+/);
    expect(methods.map(({ signature: { name } }) => name).sort()).toEqual(wanted.sort());
  });
});
