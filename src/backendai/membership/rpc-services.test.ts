import { expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { newKernelId } from '../../lib/ids.ts';
import { ErrorEvents } from './rpc-services.ts';

it('publishes each kind of error once a minute, whatever ids it names, and a bounded number of kinds', async () => {
  const clock = new FakeClock();
  const published: string[] = [];
  const errors = new ErrorEvents((_, fields) => void published.push(JSON.stringify(fields)), clock);
  const report = (message: string): void => errors.report({ message, trace: 'at x' });
  report('RuntimeError: boom');
  report('RuntimeError: boom');
  expect(published.map((text) => JSON.parse(text))).toEqual([
    { message: 'RuntimeError: boom', traceback: 'at x', user: null, context: {}, severity: 'ERROR' },
  ]);
  report(`DockerError: no container of ${newKernelId()}`);
  report(`DockerError: no container of ${newKernelId()}`);
  expect(published).toHaveLength(2);
  await clock.advance(60_000);
  report('RuntimeError: boom');
  expect(published).toHaveLength(3);
  for (let count = 0; count < 250; count += 1) report(`ValueError: ${'x'.repeat(count)}`);
  report('RuntimeError: boom');
  expect(published).toHaveLength(254);
});
