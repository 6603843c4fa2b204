import { expect, it } from 'vitest';
import { RpcNode } from '../../../../test/support/rpc-node.ts';

it('completes at the row and column that clients give, in the forms of both releases', async () => {
  await using node = await RpcNode.start();
  node.fixture.prepareRunner = (runner) => {
    runner.complete = (before) => [`${before}!`];
  };
  const { id } = await node.kernel();
  const wanted = (suggestions: string[]) => ({
    status: 'finished',
    completions: suggestions,
    result: { status: 'finished', error: null, suggestions },
  });
  const at = (row: number, col: number) => ({ row, col, line: '', post: '' });
  expect(await node.call('get_completions', id, 'import o', at(0, 8))).toEqual(wanted(['import o!']));
  expect(await node.call('get_completions', id, 'a = 1\nb = a', at(1, 3))).toEqual(wanted(['a = 1\nb =!']));
  expect(await node.call('get_completions', id, 'ab', { col: 99 })).toEqual(wanted(['ab!']));
  for (const options of [{}, { row: 'a', col: null }, { row: 0.5, col: 1.5 }, { col: Number.NaN }]) {
    expect(await node.call('get_completions', id, 'ab', options)).toEqual(wanted(['ab!']));
  }
});
