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

/** Of one that lacks those that lead packets elsewhere. */
class FilterWithoutRedirects extends FakePacketFilter {
  override async run(...[program, args, deadline, input]: Parameters<FakePacketFilter['run']>) {
    const leads = /redirect|REDIRECT/.test(input ?? '');
    if (leads) return { exitCode: 1, stdout: '', stderr: 'Could not process rule: No such file or directory' };
    return await super.run(program, args, deadline, input);
  }
}

const signal = AbortSignal.timeout(60_000);
const none = { walls: null, counting: null, metadata: null };
const wanted = { connectionLimit: 100, metadata: { host: null, port: 40_128 } };

describe('a trial of the rules', () => {
  it.each([
    ['nftables', [], none],
    ['iptables alone', ['nft'], none],
    ['neither', ['nft', 'iptables-restore'], { ...none, walls: expect.stringContaining('ENOENT') }],
  ] as const)('on a machine with %s', async (_which, missing, result) => {
    expect(await tryRules(new FakePacketFilter(missing), wanted, signal)).toEqual(result);
  });

  // @promise doctor-probes
  it('tells a machine that cannot count connections from one that keeps nobody apart', async () => {
    const found = await tryRules(new FilterWithoutCounting(), wanted, signal);
    expect(found).toEqual({ ...none, counting: expect.stringContaining('nft: Could not process rule') });
    expect(await tryRules(new FilterWithoutCounting(), { ...wanted, connectionLimit: 0 }, signal)).toEqual(none);
  });

  it('tells a machine that cannot lead kernels to metadata, where they are to be led', async () => {
    const found = await tryRules(new FilterWithoutRedirects(), wanted, signal);
    expect(found).toEqual({ ...none, metadata: expect.stringContaining('nft: Could not process rule') });
    expect(await tryRules(new FilterWithoutRedirects(), { ...wanted, metadata: null }, signal)).toEqual(none);
  });
});
