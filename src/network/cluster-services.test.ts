import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { silentLogger } from '../lib/log.ts';
import { ClusterServices } from './cluster-services.ts';

function setUp(
  names: Record<string, readonly string[]>,
  hosts: readonly string[],
  complete: () => boolean = () => true,
) {
  const clock = new FakeClock();
  const warned: unknown[] = [];
  let asked = 0;
  const services = new ClusterServices({
    services: async () => ({ known: hosts.map((host) => ({ host, port: 2379 })), isComplete: complete() }),
    ownPorts: [6001],
    clock,
    log: { ...silentLogger, warn: (_text, fields) => warned.push(fields?.['host']) },
    lookUp: async (host) => {
      asked += 1;
      const found = names[host];
      if (!found) throw new Error('ENOTFOUND');
      return found;
    },
  });
  const found = async () => (await services.facts()).refused.map(({ address, port }) => `${address}:${port}`);
  return { services, clock, found, warned, asked: () => asked };
}

it('are where their names lead, but for this host, and the ports that they may have here are known', async () => {
  const { services, found, asked } = setUp({ 'bus.local': ['10.0.0.6', '10.0.0.5'], localhost: ['127.0.0.1'] }, [
    'bus.local',
    'localhost',
  ]);
  const [first, second] = await Promise.all([found(), found()]);
  expect([first, second, asked()]).toEqual([['10.0.0.5:2379', '10.0.0.6:2379'], first, 2]);
  expect((await services.facts()).refusedPorts).toEqual([2379, 6001]);
});

it('stay refused where their name led before, while it gives others or none', async () => {
  const names: Record<string, readonly string[]> = { 'bus.local': ['10.0.0.5'] };
  const { clock, found, warned, asked } = setUp(names, ['bus.local']);
  await found();
  names['bus.local'] = ['10.0.0.6'];
  await clock.advance(60_000);
  expect(await found()).toEqual(['10.0.0.5:2379', '10.0.0.6:2379']);
  delete names['bus.local'];
  await clock.advance(700_000);
  expect(await found()).toEqual(['10.0.0.5:2379', '10.0.0.6:2379']);
  names['bus.local'] = ['10.0.0.7'];
  // A name that is not known is asked for each time.
  expect(await found()).toEqual(['10.0.0.7:2379']);
  expect([warned, asked()]).toEqual([['bus.local'], 4]);
});

it('stay refused while those who name them do not answer, and no name that left the list is asked for again', async () => {
  const names: Record<string, readonly string[]> = { 'namer.local': ['10.0.0.1'], 'master.local': ['10.0.0.2'] };
  const hosts = ['namer.local', 'master.local', 'gone.local'];
  let isComplete = true;
  const { clock, found, asked } = setUp(names, hosts, () => isComplete);
  expect(await found()).toEqual(['10.0.0.1:2379', '10.0.0.2:2379']);
  hosts.length = 1;
  isComplete = false;
  await clock.advance(700_000);
  expect(await found()).toEqual(['10.0.0.1:2379', '10.0.0.2:2379']);
  isComplete = true;
  expect(await found()).toEqual(['10.0.0.1:2379']);
  const before = asked();
  await found();
  expect(asked()).toBe(before);
});

it('have no address of the other family, which the rules could not say', async () => {
  const real = new ClusterServices({
    services: async () => ({
      known: ['fd00::5', '10.0.0.5'].map((host) => ({ host, port: 2379 })),
      isComplete: true,
    }),
    ownPorts: [],
    clock: new FakeClock(),
    log: silentLogger,
  });
  expect((await real.facts()).refused).toEqual([{ address: '10.0.0.5', port: 2379 }]);
});
