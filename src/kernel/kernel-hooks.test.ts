import { expect, it } from 'vitest';
import { recordFixture, specFixture } from '../../test/support/kernel-record.ts';
import { usingFixtures } from '../../test/support/kernels-fixture.ts';
import { silentLogger } from '../lib/log.ts';
import { KernelHookList, type KernelHooks } from './kernel-hooks.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;

/** Hooks that write down the moments. */
function recorder(): { moments: string[]; hooks: KernelHooks } {
  const moments: string[] = [];
  const hooks: KernelHooks = {
    runnerOpened: ({ generation }) => void moments.push(`runner opened, generation ${generation}`),
    beforeStop: ({ phase }) => void moments.push(`before stop, ${phase}`),
    beforeRemoval: async ({ generation }) => void moments.push(`before removal, generation ${generation}`),
    ended: ({ termination }) => void moments.push(`ended, ${termination?.reason}`),
  };
  return { moments, hooks };
}

it('are called at each moment of a kernel that is created, restarted and removed on request', async () => {
  const first = recorder();
  const later = recorder();
  const one = await fixture({ parts: { hooks: [first.hooks] } });
  const { registry } = one.kernels;
  using _registered = registry.register(later.hooks);
  const { spec } = await registry.create(specFixture(), never);
  await registry.restart(spec.id, never);
  await registry.destroy(spec.id, { reason: 'user-requested', force: false });
  expect(first.moments).toEqual([
    'runner opened, generation 1',
    'before stop, running',
    'runner opened, generation 2',
    'before stop, running',
    'before removal, generation 2',
    'ended, user-requested',
  ]);
  expect(later.moments).toEqual(first.moments);
});

it('are called no more when they have been disposed', async () => {
  const { moments, hooks } = recorder();
  const one = await fixture();
  one.kernels.registry.register(hooks)[Symbol.dispose]();
  await one.kernels.registry.create(specFixture(), never);
  expect(moments).toEqual([]);
});

it('are called even when the hook of somebody else fails, and that is logged', () => {
  const { moments, hooks } = recorder();
  const errors: string[] = [];
  const log = { ...silentLogger, error: (text: string) => void errors.push(text) };
  const fails = (): never => {
    throw new Error('a defect');
  };
  const list = new KernelHookList([{ ended: fails }, hooks], log);
  list.ended(recordFixture());
  expect(moments).toEqual(['ended, undefined']);
  expect(errors).toEqual(['a hook of a kernel failed']);
});
