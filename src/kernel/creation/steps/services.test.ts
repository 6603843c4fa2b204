import { describe, expect, it } from 'vitest';
import { recordFixture, specFixture } from '../../../../test/support/kernel-record.ts';
import { FakeRunnerClient } from '../../../../test/support/kernels-fixture.ts';
import { Deadline } from '../../../lib/deadline.ts';
import { KerneletError } from '../../../lib/errors.ts';
import { RunnerClients } from '../../runner-clients.ts';
import type { KernelSpec } from '../../spec.ts';
import { servicesStep } from './services.ts';

const web = { name: 'web', protocol: 'http', containerPorts: [8080], isInference: false };

/** What the step learns of a kernel, whose runner answers like this. */
async function learned(spec: Partial<KernelSpec>, answer: () => unknown) {
  const requests: string[] = [];
  class Runner extends FakeRunnerClient {
    override async request(method: string): Promise<never> {
      requests.push(method);
      return (await answer()) as never;
    }
  }
  const runners = new RunnerClients(
    (address) => new Runner(address, async () => {}),
    () => ({ socketPath: '/x', secret: 's' }),
  );
  using deadline = new Deadline({ what: 'test', timeoutMs: 5_000 });
  const change = await servicesStep(runners).apply(recordFixture({ spec: specFixture(spec) }), deadline);
  return { change, requests };
}

describe('what the image says of services', () => {
  const app = { name: 'web', urlTemplate: '', allowedArguments: [], allowedEnvs: [] };

  it('comes from the runner of a kernel that has any', async () => {
    expect(await learned({ services: [web] }, () => ({ apps: [app] }))).toEqual({
      change: { apps: [app] },
      requests: ['apps'],
    });
  });

  it.each<Partial<KernelSpec>>([{ services: [] }, { services: [web], servicesBlocked: true }])(
    'is asked of nobody where none can be started: %j',
    async (spec) => {
      expect(await learned(spec, () => ({ apps: [app] }))).toEqual({ change: {}, requests: [] });
    },
  );

  it('costs no kernel when the runner is late', async () => {
    const late = () => Promise.reject(new KerneletError('DEADLINE_EXCEEDED', 'too late'));
    expect((await learned({ services: [web] }, late)).change).toEqual({ apps: [] });
  });

  it('fails the creation when the runner cannot be asked', async () => {
    const gone = () => Promise.reject(new KerneletError('KERNEL_DIED', 'it has ended'));
    await expect(learned({ services: [web] }, gone)).rejects.toMatchObject({ code: 'KERNEL_DIED' });
  });
});
