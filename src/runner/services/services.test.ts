import { expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import type { ServiceOutcome } from '../../protocol/kernel-services.ts';
import { ContainerLog } from '../container-log.ts';
import { PipePool } from '../pipe-pool.ts';
import { Tenant } from '../tenant.ts';
import { Services } from './services.ts';

const log = new ContainerLog(() => true, { debug: false });

it('a service of the runner that cannot be started is told of, and holds up neither the others nor the kernel', async () => {
  const started: string[] = [];
  const service = (name: string, outcome: ServiceOutcome) => ({
    start: async () => {
      started.push(name);
      return outcome;
    },
    stop: async () => {},
  });
  const services = new Services({
    declared: [],
    definitions: new Map(),
    builtIn: new Map([
      ['sshd', service('sshd', { status: 'failed', error: 'the host key cannot be read' })],
      ['ttyd', service('ttyd', { status: 'started' })],
    ]),
    tenant: new Tenant({ uid: 1000, gid: 1000, home: '/', pipes: new PipePool('/bin/sh'), log }),
    clock: new FakeClock(),
    runtimePath: '',
    temporaryPath: (ending) => `/tmp/unused${ending}`,
  });
  const problems: string[] = [];
  await services.startBuiltIn((text) => void problems.push(text));
  expect(started).toEqual(['sshd', 'ttyd']);
  expect(problems).toEqual(['sshd was not started: the host key cannot be read']);
});
