import { afterEach, beforeEach, expect, it } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';
import { KerneletError } from '../../lib/errors.ts';

let cli: CliUnderTest;
beforeEach(async () => {
  cli = await CliUnderTest.withoutDaemon();
});
afterEach(() => cli[Symbol.asyncDispose]());

it.each(['-f', '--config', '--config-path'])('serve takes the file from %s, and its other flags', async (option) => {
  const args = ['serve', option, 'a.toml', '--debug', '--log-level', 'warn', '--socket', 's', '--state-dir', 'd'];
  expect((await cli.run(args)).status).toBe(0);
  expect(cli.served).toEqual([{ configFile: 'a.toml', debug: true, logLevel: 'warn', socket: 's', stateDir: 'd' }]);
});

it('serve leaves to the configuration what no flag says', async () => {
  expect((await cli.run(['serve'])).status).toBe(0);
  expect(cli.served).toEqual([{ debug: false }]);
});

it('serve refuses a level that there is not', async () => {
  const { status, stderr } = await cli.run(['serve', '--log-level', 'loud']);
  expect([status, cli.served]).toEqual([2, []]);
  expect(stderr).toContain('Allowed choices are');
});

it('serve says what ends it, to programs too, with a status for service managers', async () => {
  cli.serveFailure = new KerneletError('INVALID_CONFIG', 'agent.id: is not a text');
  const { status, stdout, stderr } = await cli.run(['serve', '--json']);
  expect(status).toBe(1);
  expect(stderr).toContain('agent.id: is not a text');
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'INVALID_CONFIG' } });
});
