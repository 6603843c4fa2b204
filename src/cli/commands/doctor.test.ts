import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';
import { doctorChecks } from '../doctor/index.ts';

let cli: CliUnderTest;
beforeEach(async () => {
  cli = await CliUnderTest.withoutDaemon();
});
afterEach(() => cli[Symbol.asyncDispose]());

/** A process whose engine would be at a socket that is not there. */
function withoutEngine() {
  const io = cli.io();
  io.environ['DOCKER_HOST'] = `unix://${cli.folder}/absent.sock`;
  return io;
}

// @promise doctor-probes
it('tells every check in order; what fails has the command that fixes it, and the status is 125', async () => {
  const { status, stdout } = await cli.run(['doctor'], withoutEngine());
  expect(status).toBe(125);
  const lines = stdout.trimEnd().split('\n');
  const names = lines.filter((line) => /^(ok|warning|failed) /.test(line)).map((line) => line.split(/\s+/)[1]);
  expect(names).toEqual(doctorChecks.map(({ name }) => name));
  expect(lines[0]).toMatch(/^failed {3}engine {4}.*absent\.sock/);
  expect(lines[1]).toMatch(/^ {19}→ apt-get install -y docker\.io/);
});

it('asks the engine that the configuration names', async () => {
  await writeFile(join(cli.folder, 'agent.toml'), '[agent]\nbackend = "dummy"\n');
  const { stdout } = await cli.run(['doctor'], withoutEngine());
  expect(stdout).toMatch(/^ok {7}engine {4}dummy 1\.0\.0 at memory/);
});

it('is one document with --json', async () => {
  const { status, stdout } = await cli.run(['doctor', '--json'], withoutEngine());
  expect([status, stdout.match(/\n/g)?.length]).toEqual([125, 1]);
  const document = JSON.parse(stdout) as { healthy: boolean; checks: { name: string; state: string; fix?: string }[] };
  expect(document.healthy).toBe(false);
  expect(document.checks[0]).toMatchObject({ name: 'engine', state: 'failed' });
  for (const { state, fix } of document.checks) expect(fix === undefined).toBe(state === 'ok');
});

it('asks the daemon whose socket the configuration names for what it has found of the OCI runtimes', async () => {
  await cli.startDaemon();
  const status = await cli.agent.status();
  cli.agent.status = async () => ({ ...status, ociRuntimes: [{ name: 'runc', state: 'usable', detail: '' }] });
  const toml = `[agent]\nbackend = "dummy"\n[kernelet]\noci-runtimes = ["runc"]\nsocket = "${cli.socket}"\n`;
  await writeFile(join(cli.folder, 'other.toml'), toml);
  const io = withoutEngine();
  delete io.environ['KERNELET_SOCKET'];
  const { stdout } = await cli.run(['doctor', '-f', 'other.toml'], io);
  expect(stdout).toMatch(/^ok {7}runtimes {2}kernels run under runc$/m);
});

it('waits for a daemon that hangs less long than for a check', async () => {
  const hanging = createServer((socket) => socket.resume());
  await new Promise<void>((resolve) => hanging.listen(cli.socket, resolve));
  try {
    await writeFile(join(cli.folder, 'agent.toml'), '[agent]\nbackend = "dummy"\n[kernelet]\noci-runtime = "runc"\n');
    const begun = performance.now();
    const { stdout } = await cli.run(['doctor'], withoutEngine());
    expect(stdout).toMatch(/^warning {2}runtimes {2}nothing has tried runc yet$/m);
    expect(performance.now() - begun).toBeLessThan(8_000);
  } finally {
    hanging.close();
  }
}, 20_000);
