import { expect, it } from 'vitest';
import { recordFixture, specFixture } from '../../../test/support/kernel-record.ts';
import { noPlacement } from '../record.ts';
import type { KernelNetwork } from '../spec.ts';
import { builtInServices, placedPorts, servicesLabel } from './service-ports.ts';

const service = { name: 'web', protocol: 'http', containerPorts: [8080, 8081], isInference: false };

const placedOn = (network: KernelNetwork) =>
  placedPorts(
    service,
    recordFixture({
      spec: specFixture({ network, services: [service] }),
      placement: { ...noPlacement, hostPorts: [{ containerPort: 8081, hostPort: 31_000 }] },
    }),
  );

it('a service listens on its own ports and is reached on those of the host, 0 where one is not published', () => {
  expect(placedOn('bridge')).toEqual({ inside: [8080, 8081], outside: [0, 31_000] });
});

it('a service on the host’s network listens where it is reached', () => {
  expect(placedOn({ name: 'host', aliases: [], hosts: [] })).toEqual({ inside: [0, 31_000], outside: [0, 31_000] });
});

it('the label of services has those beside the runner’s own, with one port or a list of them', () => {
  expect(servicesLabel([...builtInServices, service])).toBe('web:http:[8080,8081]');
  expect(servicesLabel([service, { ...service, name: 'one', protocol: 'tcp', containerPorts: [1] }])).toBe(
    'web:http:[8080,8081],one:tcp:1',
  );
  expect(servicesLabel(builtInServices)).toBe('');
});
