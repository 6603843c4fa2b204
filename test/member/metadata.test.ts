/** Kernels of a member ask at the address of clouds' metadata, from inside real containers. */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { newKernelId } from '../../src/lib/ids.ts';
import { Member, type OrderedKernel } from '../support/cluster/member.ts';
import { freePorts } from '../support/cluster/server-process.ts';
import { describeCluster } from '../support/cluster/services.ts';
import { createKernelsArguments, kernelConfigFixture } from '../support/create-kernels-request.ts';

/** Functions of the kernels' programs. */
const client = `
import http.client, json, socket
def ask(path, source=None, host='169.254.169.254', port=80, method='GET'):
    of = http.client.HTTPConnection(host, port, timeout=3)
    if source:
        of.sock = socket.socket()
        of.sock.settimeout(3)
        of.sock.setsockopt(socket.SOL_IP, 15, 1)
        of.sock.bind((source, 0))
        of.sock.connect((host, port))
    of.request(method, path)
    reply = of.getresponse()
    return reply.status, reply.read().decode(), reply.getheader('Content-Type'), reply.getheader('Server')
def tries(action, *args, **named):
    try: return action(*args, **named)
    except OSError as error: return type(error).__name__
def own():
    # A datagram socket sends nothing by being connected.
    of = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    of.connect(('192.0.2.1', 9))
    return of.getsockname()[0]
gateway = own().rsplit('.', 1)[0] + '.1'
`;

const printed = async (member: Member, kernel: OrderedKernel, expression: string): Promise<unknown> =>
  JSON.parse(await member.execute(kernel, `${client}print(json.dumps(${expression}))\n`));

describeCluster('metadata of kernels of a member', (services) => {
  const options = async (id: string, lines: readonly string[]) => {
    const [port = 0] = await freePorts(1);
    const { etcd, stream } = services;
    return {
      port,
      options: { id, etcdPort: etcd.port, stream, agentLines: [`metadata-server-port = ${port}`, ...lines] },
    };
  };

  // @promise metadata-own-alone, metadata-one-address
  it('is that of each alone, at the one address, also after the daemon was killed', async () => {
    const { port, options: made } = await options('i-metadata-own', []);
    await using member = await Member.joined(made);
    const [one, other] = [
      await member.create({ environ: { WHO: 'one' } }),
      await member.create({ environ: { WHO: 'other' } }),
    ];
    const otherAddress = await printed(member, other, 'own()');
    const plain = 'text/plain; charset=utf-8';
    const asked =
      "[ask('/')[:2], ask('/latest/')[:2], ask('/latest/meta-data/'), ask('/latest/meta-data/local-ipv4')[1] == own(), ask('/latest/meta-data/sandbox')[1]]";
    const told = [
      [200, 'latest/'],
      [200, 'extension/\nmeta-data/'],
      [200, 'envs\nlocal-ipv4\nsandbox', plain, 'BackendAI'],
      true,
      'docker',
    ];
    const who = "json.loads(ask('/latest/meta-data/envs')[1])['WHO']";
    expect(await printed(member, one, asked)).toEqual(told);
    expect([await printed(member, one, who), await printed(member, other, who)]).toEqual(['one', 'other']);
    // Nothing else of link-local addresses, nor the server itself, nor as somebody else.
    const elsewhere = `[tries(ask, '/', port=443), tries(ask, '/', host='169.254.169.253'), tries(ask, '/', host=gateway, port=${port}), tries(ask, '/', source='${otherAddress}')]`;
    const reached = (await printed(member, one, elsewhere)) as readonly unknown[];
    expect(reached.slice(0, 3)).toEqual(['ConnectionRefusedError', 'ConnectionRefusedError', 'ConnectionRefusedError']);
    expect(reached[3]).toMatch(/Error|timeout/i);
    // Where the host is reached, there is nobody.
    const ofHost = spawnSync('curl', [
      '-s',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      `http://127.0.0.1:${port}/latest/meta-data/envs`,
    ]);
    expect(String(ofHost.stdout)).toBe('403');
    await member.endDaemon('SIGKILL');
    await member.startDaemon();
    await member.untilLogged('member of the cluster');
    expect(await printed(member, other, who)).toBe('other');
    await Promise.all([one, other].map((kernel) => member.destroy(kernel)));
  });

  it('comes on the networks of sessions too, and not where the operator says so', async () => {
    const { options: made } = await options('i-metadata-session', []);
    await using member = await Member.joined(made);
    const network = `bai-singlenode-${randomUUID()}`;
    await member.call('create_local_network', network);
    const session = newKernelId() as string;
    const id = newKernelId() as string;
    const config = kernelConfigFixture({ auto_pull: 'none', environ: { WHO: 'both' } });
    const image = { ...(config['image'] as object), canonical: 'kernelet/python:latest' };
    await member.call(
      'create_kernels',
      ...createKernelsArguments(session, { [id]: { ...config, image } }, { network_name: network }),
    );
    const kernel = { id, session, info: {} };
    const asked = "[tries(ask, '/latest')[:2], json.loads(ask('/latest/meta-data/envs')[1])['WHO']]";
    expect(await printed(member, kernel, asked)).toEqual([[200, 'meta-data/'], 'both']);
    await member.destroy(kernel);
    await member.call('destroy_local_network', network);

    const { options: without } = await options('i-metadata-none', ['[kernelet]', 'metadata-server = false']);
    await using off = await Member.joined(without);
    const untold = await off.create();
    expect(await printed(off, untold, "tries(ask, '/')")).toBe('ConnectionRefusedError');
    await off.destroy(untold);
  });
});
