import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { makeCurveKeys } from '../../src/backendai/transport/curve-keys.ts';
import { type Certificate, parseCertificate } from '../../src/backendai/wire/curve.ts';
import { CallosumClient } from '../support/callosum-client.ts';
import { Member } from '../support/cluster/member.ts';
import { ownFolder } from '../support/cluster/server-process.ts';
import { describeCluster } from '../support/cluster/services.ts';

describeCluster('a member whose calls are encrypted', (services) => {
  // @promise curve
  it('serves the manager whose key it has, tells its own, and answers nobody else', async () => {
    await using folder = await ownFolder('curve');
    const keysOf = async (name: string): Promise<Certificate & { readonly file: string; readonly secret: string }> => {
      const { publicFile, secretFile } = await makeCurveKeys(folder.path, name);
      const certificate = parseCertificate(await readFile(secretFile, 'utf8'));
      return { ...certificate, file: publicFile, secret: secretFile };
    };
    const [agent, manager, stranger] = [await keysOf('agent'), await keysOf('manager'), await keysOf('stranger')];
    const asClient = ({ publicKey, secretKey }: Certificate) => ({
      publicKey,
      secretKey: secretKey ?? '',
      serverKey: agent.publicKey,
    });
    await using member = await Member.joined({
      id: 'i-curve',
      etcdPort: services.etcd.port,
      stream: services.stream,
      agentLines: [`rpc-auth-agent-keypair = "${agent.secret}"`, `rpc-auth-manager-public-key = "${manager.file}"`],
      keys: asClient(manager),
    });
    const [beat] = await member.events('agent_heartbeat');
    const [info] = beat?.args ?? [];
    expect(info).toMatchObject({ public_key: Buffer.from(agent.publicKey) });
    expect(await member.call('ping', 'x')).toBe('x');
    const endpoint = `tcp://127.0.0.1:${member.rpcPort}`;
    for (const keys of [asClient(stranger), undefined]) {
      using other = CallosumClient.connect(endpoint, keys);
      expect(await other.ping(1500)).toBe(false);
    }
    const kernel = await member.create();
    expect(await member.execute(kernel, 'print(1)')).toBe('1\n');
  });
});
