import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { ClusterServices } from './cluster-services.ts';

it('are where their names lead, of which the last answer counts when none comes', async () => {
  const clock = new FakeClock();
  const names: Record<string, readonly string[]> = { 'bus.local': ['10.0.0.6', '10.0.0.5'], localhost: ['127.0.0.1'] };
  const services = [
    { host: 'bus.local', port: 2379 },
    { host: 'localhost', port: 2379 },
    { host: 'unknown.local', port: 1 },
    { host: 'bus.local', port: 2379 },
  ];
  let asked = 0;
  const known = new ClusterServices(services, [6001], clock, async (host) => {
    asked += 1;
    const found = names[host];
    if (!found) throw new Error('ENOTFOUND');
    return found;
  });
  expect(known.hostPorts).toEqual([6001, 2379, 1]);
  const both = [
    { address: '10.0.0.5', port: 2379 },
    { address: '10.0.0.6', port: 2379 },
  ];
  expect(await known.addresses()).toEqual(both);
  expect([await known.addresses(), asked]).toEqual([both, 4]);
  delete names['bus.local'];
  await clock.advance(60_000);
  expect(await known.addresses()).toEqual(both);
  names['bus.local'] = ['10.0.0.7'];
  await clock.advance(60_000);
  expect(await known.addresses()).toEqual([{ address: '10.0.0.7', port: 2379 }]);
});
