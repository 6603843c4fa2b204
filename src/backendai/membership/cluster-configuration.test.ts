import { expect, it } from 'vitest';
import { type Logger, silentLogger } from '../../lib/log.ts';
import type { NestedTable } from '../etcd/nested-table.ts';
import { watchConfiguration } from './cluster-configuration.ts';

it('says which part has changed, once for each change, and nothing of its content', async () => {
  const said: unknown[] = [];
  const log: Logger = { ...silentLogger, warn: (_, fields) => void said.push(fields) };
  const states: readonly (readonly NestedTable[])[] = [
    [{ addr: 'a', password: 'secret' }, {}, {}, {}, {}],
    [{ addr: 'a', password: 'secret' }, {}, {}, {}, {}],
    [{ addr: 'a', password: 'other secret' }, { region: 'x' }, {}, {}, {}],
    [{ addr: 'a', password: 'other secret' }, { region: 'x' }, { 'kernel-uid': '5' }, {}, {}],
    [{ addr: 'a', password: 'other secret' }, { region: 'x' }, { 'kernel-uid': '5' }, {}, { cuda: { x: 'y' } }],
  ];
  const stop = new AbortController();
  const overlay = {
    async *follow() {
      yield* states;
      stop.abort(new Error('over'));
      throw stop.signal.reason;
    },
  };
  await watchConfiguration(overlay, log, stop.signal);
  expect(said).toEqual([
    { changed: ['config/redis', 'config/agent'] },
    { changed: ['config/container'] },
    { changed: ['config/plugins/accelerator'] },
  ]);
  await expect(watchConfiguration(overlay, log, new AbortController().signal)).rejects.toThrow('over');
});
