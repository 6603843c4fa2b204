import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { Decimal } from '../lib/decimal.ts';
import { KeptFiles } from './kept-files.ts';
import { definitionOf } from './measure.ts';
import { ProcessFigures } from './process-figures.ts';

const never = new AbortController().signal;

it('processes have figures of their own and of the devices that they use, as long as those are measured', async () => {
  const figures = new ProcessFigures(new KeptFiles({ maxOpen: 0 }), new FakeClock());
  const { pid } = process;
  const definition = definitionOf({ unit: 'bytes', filter: new Set(['max']), hook: null }, true);
  const taken = { key: 'npu_mem', definition, value: new Decimal(7), capacity: new Decimal(10) };
  const collect = async () => (await figures.collect('c', [pid, 2 ** 22 + 1], never)).get(pid);
  figures.enterDevices(new Map([[pid, { fresh: [taken], keys: new Set(['npu_mem']) }]]), 1);
  const written = { current: '7', capacity: '10', pct: '70', unit_hint: 'bytes', 'stats.max': '7' };
  expect(await collect()).toMatchObject({ mem: { unit_hint: 'bytes' }, npu_mem: written });
  figures.enterDevices(new Map([[pid, { fresh: [], keys: new Set(['npu_mem']) }]]), 2);
  expect(await collect()).toMatchObject({ npu_mem: written });
  figures.enterDevices(new Map([[pid, { fresh: [], keys: new Set() }]]), 3);
  expect(Object.keys((await collect()) ?? {})).not.toContain('npu_mem');
  figures.enterDevices(new Map([[pid, { fresh: [taken], keys: new Set(['npu_mem']) }]]), 4);
  figures.enterDevices(new Map(), 5);
  expect(Object.keys((await collect()) ?? {})).not.toContain('npu_mem');
});
