/** What an image's own root may do in a cluster, and that nothing of it reaches the runner or the tenant. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { defaultHardening } from '../../src/kernel/container/container-spec.ts';
import { type KernelId, newKernelId } from '../../src/lib/ids.ts';
import { maskOf } from '../support/capabilities.ts';
import { createKernelsArguments, kernelConfigFixture } from '../support/create-kernels-request.ts';
import { shellIn, startDockerNode } from '../support/docker-rpc-node.ts';
import { uniqueName } from '../support/engine.ts';
import type { RpcNode } from '../support/rpc-node.ts';
import { docker } from '../support/runner-container.ts';
import { commitImage } from '../support/runner-images.ts';

const script = `
grep CapEff /proc/self/status >/root-status
touch /owned && chown 1234:1234 /owned
export FROM_IMAGE="two
lines"
sleep 600 &
`;
/** Becomes root and says so. */
const setUid = '/usr/local/bin/root-id';
/** Where the loader writes for each dynamic program that has the image's variables. */
const loaderOutput = '/tmp/loaded';
const image = `${uniqueName('kernelet-test-root').toLowerCase()}:latest`;

const runnerMask = maskOf(['SETUID', 'SETGID', 'KILL']);

let node: RpcNode;
beforeAll(async () => {
  const change = `mkdir -p /opt/container
cat >/opt/container/bootstrap.sh <<'X'${script}X
chmod 755 /opt/container/bootstrap.sh
cp /usr/bin/id ${setUid}
chmod 4755 ${setUid}`;
  await commitImage(image, change, ['--change', `ENV LD_DEBUG=statistics LD_DEBUG_OUTPUT=${loaderOutput}`]);
});
afterEach(async () => {
  const { agent } = node.fixture;
  for (const { id } of await agent.list({ all: false })) await agent.destroy(id, { force: true });
  await node[Symbol.asyncDispose]();
});
afterAll(async () => {
  await docker('rmi', '-f', image);
});

async function create(internal: object | null, imageCapabilities: readonly string[]): Promise<KernelId> {
  node = await startDockerNode({
    container: { hardening: { ...defaultHardening, imageBootstrap: 'root', imageCapabilities } },
  });
  const id = newKernelId();
  const wanted = { ...(kernelConfigFixture()['image'] as object), canonical: image };
  const config = kernelConfigFixture({ auto_pull: 'none', image: wanted, internal_data: internal as never });
  await node.call('create_kernels', ...createKernelsArguments(randomUUID(), { [id]: config }));
  return id;
}

/** The lines of the runner's status that say what it may do. */
async function runnerStatus(id: KernelId): Promise<string> {
  const { containerId } = await node.fixture.agent.inspect(id);
  const top = await docker('top', containerId ?? '', '-eo', 'pid,args');
  const [pid = ''] = /^\s*(\d+).*runner\/runner\.js/m.exec(top)?.slice(1) ?? [];
  return await readFile(`/proc/${pid}/status`, 'utf8');
}

describe('the root of an image', () => {
  const given = ['CHOWN', 'SETUID', 'SETGID', 'KILL', 'SETPCAP', 'DAC_OVERRIDE'];

  // @promise image-script
  it('has its capabilities in the script of the image, and then nobody has them again', async () => {
    const id = await create(null, given);
    const printed = await shellIn(
      node,
      id,
      `cat /root-status | tr '\\t' ' '; stat -c %u /owned; echo "$FROM_IMAGE"; grep -E 'Cap(Bnd|Eff)|NoNewPrivs' /proc/self/status | tr '\\t' ' '; ${setUid} -u`,
    );
    expect(printed.split('\n')).toEqual([
      `CapEff: ${maskOf(given)}`,
      '1234',
      'two',
      'lines',
      'CapEff: 0000000000000000',
      `CapBnd: ${runnerMask}`,
      'NoNewPrivs: 1',
      '1000',
      '',
    ]);
    const status = await runnerStatus(id);
    for (const field of ['CapPrm', 'CapEff', 'CapBnd']) expect(status).toContain(`${field}:\t${runnerMask}`);
    expect(status).toContain('CapInh:\t0000000000000000');
  });

  it('chooses nothing for the programs that start the runner with all capabilities', async () => {
    const id = await create(null, given);
    expect(await shellIn(node, id, `/bin/cat /dev/null; stat -c %u ${loaderOutput}.* | sort -u`)).toBe('1000\n');
  });

  it('has what the operator leaves of them, be it that nothing is left but what drops the rest', async () => {
    const id = await create(null, []);
    expect(await shellIn(node, id, 'cat /root-status; stat -c %u /owned')).toBe(
      `CapEff:\t${maskOf(['SETUID', 'SETGID', 'KILL', 'SETPCAP'])}\n0\n`,
    );
    expect(await runnerStatus(id)).toContain(`CapBnd:\t${runnerMask}`);
  });

  // @promise sudo
  it('can be become by the user of a session with sudo, and only there', async () => {
    const id = await create({ sudo_session_enabled: true }, given);
    const printed = await shellIn(
      node,
      id,
      `${setUid} -u; grep -E 'CapBnd|NoNewPrivs' /proc/self/status | tr '\\t' ' '; stat -c '%a %u' /etc/sudoers.d/01-bai-work`,
    );
    expect(printed.split('\n')).toEqual(['0', `CapBnd: ${maskOf(given)}`, 'NoNewPrivs: 0', '440 0', '']);
    const { containerId } = await node.fixture.agent.inspect(id);
    expect(await docker('exec', containerId ?? '', 'cat', '/etc/sudoers.d/01-bai-work')).toBe(
      'work ALL=(ALL:ALL) NOPASSWD:ALL\n',
    );
  });
});
