import { expect, it } from 'vitest';
import { asContainerId } from '../../lib/ids.ts';
import { ProcessIds } from './process-ids.ts';

it('a search among the processes of a kernel ends when its time is over', async () => {
  const ids = new ProcessIds({ listProcesses: async () => [process.pid] });
  const late = AbortSignal.abort(new Error('it took too long'));
  await expect(ids.onHost(asContainerId('a'.repeat(64)), -5, late)).rejects.toThrow('it took too long');
});
