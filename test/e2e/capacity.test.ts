import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { stageFor } from '../support/manager/stage.ts';

const stage = stageFor('i-capacity');

it('leaves pending what does not fit, starts it when there is room, and frees all of it', async () => {
  const row = await stage.untilAgentIs('ALIVE');
  const all = Number(row.available_slots['cpu']);
  await using first = await stage.session({ resources: { cpu: all, mem: '256m' } });
  expect((await stage.agentRow())?.occupied_slots['cpu']).toBe(String(all));
  await using second = await stage.session({ enqueue_only: true });
  await sleep(12_000);
  expect((await second.row()).status).toBe('PENDING');
  await first.destroy();
  await second.untilStatus('RUNNING');
  expect((await second.run('print("in")')).stdout).toBe('in\n');
  await second.destroy();
  await stage.untilFree();
});
