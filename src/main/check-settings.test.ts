/** `serve` and `config validate` on the same files: what the one refuses, the other does. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CliUnderTest } from '../../test/support/cli-under-test.ts';
import { toKerneletError } from '../lib/errors.ts';
import { serve } from './serve.ts';

let cli: CliUnderTest;
beforeEach(async () => {
  cli = await CliUnderTest.withoutDaemon();
});
afterEach(() => cli[Symbol.asyncDispose]());

/** What `serve` ends with; its cluster, were it to join one, is at a port where nobody listens. */
async function refusalOfServe(file: string): Promise<string> {
  const ended = serve({ configFile: file, debug: false, logLevel: 'silent' }, cli.io());
  const error: unknown = await ended.catch((thrown: unknown) => thrown);
  return toKerneletError(error).message;
}

const member =
  '[etcd]\nnamespace = "n"\naddr = "127.0.0.1:1"\n[agent]\nbackend = "docker"\n[container]\nscratch-type = "hostdir"\n';

it.each<readonly [string, string]>([
  ['an engine that is not served, alone', '[agent]\nbackend = "kubernetes"\n'],
  ['an engine that is not served, in a cluster', member.replace('"docker"', '"kubernetes"')],
  ['an engine on another machine', '[kernelet]\ndocker-host = "tcp://10.0.0.1:2375"\n'],
  ['an id that no agent can have', member.replace('[container]', 'id = "i/1"\n[container]')],
  ['an address that nobody reaches', member.replace('[container]', 'rpc-listen-addr = "0.0.0.0:6001"\n[container]')],
  ['a certificate that is not there', member.replace('[agent]', 'ssl-enabled = true\nssl-ca-cert = "ca.pem"\n[agent]')],
  ['a key that is not there', member.replace('[container]', 'rpc-auth-agent-keypair = "a.key_secret"\n[container]')],
  ['calls without keys that are required', `${member}[kernelet]\nrequire-rpc-auth = true\n`],
  ['a reservation of all memory', `${member}[resource]\nreserved-mem = "1p"\n`],
  ['a reservation of all CPUs', `${member}[resource]\nreserved-cpu = 4096\n`],
])('serve refuses %s before it makes anything, and config validate in the same words', async (_, text) => {
  const file = join(cli.folder, 'agent.toml');
  await writeFile(file, text);
  const refusal = await refusalOfServe(file);
  const { status, stderr } = await cli.run(['config', 'validate', file]);
  expect(status).toBe(125);
  expect(stderr).toContain(refusal);
});
