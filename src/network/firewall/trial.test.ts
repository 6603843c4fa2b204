import { describe, expect, it } from 'vitest';
import { FakePacketFilter } from '../../../test/support/fake-packet-filter.ts';
import { tryRules } from './trial.ts';

/** Of a machine whose Linux kernel lacks the modules that count connections. */
class FilterWithoutCounting extends FakePacketFilter {
  override async run(...[program, args, deadline, input]: Parameters<FakePacketFilter['run']>) {
    const counts = /ct count|connlimit/.test(input ?? '');
    if (counts) return { exitCode: 1, stdout: '', stderr: 'Could not process rule: No such file or directory' };
    return await super.run(program, args, deadline, input);
  }
}

const signal = AbortSignal.timeout(60_000);

describe('a trial of the rules', () => {
  it.each([
    ['nftables', [], 100, { walls: null, counting: null }],
    ['iptables alone', ['nft'], 100, { walls: null, counting: null }],
    ['neither', ['nft', 'iptables-restore'], 100, { walls: expect.stringContaining('ENOENT'), counting: null }],
  ] as const)('on a machine with %s', async (_which, missing, limit, result) => {
    expect(await tryRules(new FakePacketFilter(missing), limit, signal)).toEqual(result);
  });

  // @promise doctor-probes
  it('tells a machine that cannot count connections from one that keeps nobody apart', async () => {
    const found = await tryRules(new FilterWithoutCounting(), 100, signal);
    expect(found).toEqual({ walls: null, counting: expect.stringContaining('nft: Could not process rule') });
    expect(await tryRules(new FilterWithoutCounting(), 0, signal)).toEqual({ walls: null, counting: null });
  });
});
