import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { ContainerLog } from './container-log.ts';
import { Interpreter } from './interpreter.ts';
import { PipePool } from './pipe-pool.ts';
import { Tenant } from './tenant.ts';

it('an interpreter that cannot be started says why, and has no completions', async () => {
  const clock = new FakeClock();
  const log = new ContainerLog(() => true, { debug: false, clock });
  const tenant = new Tenant({ uid: 1, gid: 1, home: '/', pipes: new PipePool('/nowhere', clock), log });
  const states: string[] = [];
  const interpreter = new Interpreter({
    tenant,
    clock,
    start: () => ({ argv: ['/nowhere'] }),
    stateChanged: (state) => void states.push(state),
  });
  expect(await interpreter.complete('x', 1)).toEqual([]);
  expect(await interpreter.start()).toContain('pipes');
  expect(states).toEqual(['starting', 'failed', 'starting', 'failed']);
});
