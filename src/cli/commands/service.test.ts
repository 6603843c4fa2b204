import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';

let cli: CliUnderTest;
let id: string;
beforeEach(async () => {
  cli = await CliUnderTest.started();
  id = (await cli.run(['create', '--lang', 'python', '--publish', '8888'])).stdout.trim();
});
afterEach(() => cli[Symbol.asyncDispose]());

describe('service', () => {
  it('starts with what is allowed, and says why it does not', async () => {
    const flags = ['--argument=--logdir=/a=b', '--argument=--quiet', '-e', 'TOKEN=x'];
    expect(await cli.document('service', 'start', id, 'jupyter', ...flags)).toEqual({ status: 'started' });
    const wish = { arguments: { '--logdir': '/a=b', '--quiet': null }, envs: { TOKEN: 'x' } };
    expect(cli.agent.calls).toContain(`start service jupyter ${JSON.stringify(wish)}`);
    expect(await cli.run(['service', 'start', id, 'nothing'])).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('nothing was not started: invalid service name; the kernel has jupyter\n'),
    });
    expect(await cli.run(['service', 'start', id, 'jupyter', '-e', 'TOKEN'])).toMatchObject({ status: 2 });
  });

  it('stops', async () => {
    expect(await cli.document('service', 'stop', id, 'jupyter')).toEqual({ service: 'jupyter' });
    expect(cli.agent.calls).toContain('stop service jupyter');
    expect(await cli.run(['service', 'stop', id, 'nothing'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('the kernel has no service "nothing"; it has jupyter'),
    });
  });
});
