import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { silentLogger } from '../lib/log.ts';
import { ClusterServices, type LookUp } from './cluster-services.ts';

function setUp(names: Record<string, readonly string[]>, hosts: readonly string[], lookUp?: LookUp) {
  const clock = new FakeClock();
  const warned: unknown[] = [];
  let asked = 0;
  const services = new ClusterServices({
    services: async () => hosts.map((host) => ({ host, port: 2379 })),
    ownPorts: [6001],
    clock,
    log: { ...silentLogger, warn: (_text, fields) => warned.push(fields?.['host']) },
    lookUp:
      lookUp ??
      (async (host) => {
        asked += 1;
        const found = names[host];
        if (!found) throw new Error('ENOTFOUND');
        return found;
      }),
  });
  const found = async () => (await services.addresses()).map(({ address, port }) => `${address}:${port}`);
  return { services, clock, found, warned, asked: () => asked };
}

it('are where their names lead, but for this host, and the ports that they may have here are known', async () => {
  const { services, found, asked } = setUp({ 'bus.local': ['10.0.0.6', '10.0.0.5'], localhost: ['127.0.0.1'] }, [
    'bus.local',
    'localhost',
  ]);
  const [first, second] = await Promise.all([found(), found()]);
  expect([first, second, asked()]).toEqual([['10.0.0.5:2379', '10.0.0.6:2379'], first, 2]);
  expect(services.hostPorts).toEqual([2379, 6001]);
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

it('have no address of the other family, which the rules could not say', async () => {
  const { services } = setUp({}, []);
  expect(await services.addresses()).toEqual([]);
  const real = new ClusterServices({
    services: async () => [
      { host: 'fd00::5', port: 2379 },
      { host: '10.0.0.5', port: 2379 },
    ],
    ownPorts: [],
    clock: new FakeClock(),
    log: silentLogger,
  });
  expect(await real.addresses()).toEqual([{ address: '10.0.0.5', port: 2379 }]);
});
