/** Secrets are planted wherever they enter a node of a cluster, and looked for in everything that comes out of it. */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import type { RedisReply } from '../../src/backendai/redis/connection.ts';
import type { RedisLink } from '../../src/backendai/redis/link.ts';
import { makeCurveKeys } from '../../src/backendai/transport/curve-keys.ts';
import { type Certificate, parseCertificate } from '../../src/backendai/wire/curve.ts';
import type { MsgpackValue } from '../../src/backendai/wire/msgpack/value.ts';
import { newKernelId } from '../../src/lib/ids.ts';
import { allCommandLines, Canaries, openToOthers } from '../support/canaries.ts';
import { Member } from '../support/cluster/member.ts';
import { describeWith } from '../support/cluster/programs.ts';
import { ownFolder } from '../support/cluster/server-process.ts';
import { startServices } from '../support/cluster/services.ts';
import { kernelet } from '../support/command.ts';
import { createKernelsArguments, kernelConfigFixture } from '../support/create-kernels-request.ts';
import { startEchoRegistry } from '../support/echo-registry.ts';
import { callApi } from '../support/local-api.ts';
import { docker } from '../support/runner-container.ts';

const readers: Readonly<Record<string, (key: Buffer) => readonly (string | Buffer)[]>> = {
  string: (key) => ['GET', key],
  hash: (key) => ['HGETALL', key],
  list: (key) => ['LRANGE', key, '0', '-1'],
  set: (key) => ['SMEMBERS', key],
  zset: (key) => ['ZRANGE', key, '0', '-1'],
  stream: (key) => ['XRANGE', key, '-', '+'],
};

const bytesOf = (reply: RedisReply): Buffer =>
  Array.isArray(reply)
    ? Buffer.concat((reply as readonly RedisReply[]).map(bytesOf))
    : Buffer.isBuffer(reply)
      ? reply
      : Buffer.from(String(reply));

/** Everything that a database holds. */
async function contentOf(link: RedisLink): Promise<Buffer> {
  const keys = (await link.call(['KEYS', '*'])) as readonly Buffer[];
  const values = await Promise.all(
    keys.map(async (key) => {
      const read = readers[String(await link.call(['TYPE', key]))];
      if (!read) throw new Error(`${key} is of no known type`);
      return bytesOf(await link.call(read(key)));
    }),
  );
  return Buffer.concat([...keys, ...values]);
}

describeWith(['etcd', 'redis-server'], 'secrets of a cluster and of its sessions', () => {
  // @promise secrets
  it('are in nothing that a node says, shows, sends or starts', async () => {
    const canaries = new Canaries();
    await using services = await startServices({ password: canaries.plant('the password of Redis') });
    await using registry = await startEchoRegistry();
    await using folder = await ownFolder('curve');
    const keysOf = async (name: string): Promise<Certificate & { readonly file: string; readonly secret: string }> => {
      const { publicFile, secretFile } = await makeCurveKeys(folder.path, name);
      return { ...parseCertificate(await readFile(secretFile, 'utf8')), file: publicFile, secret: secretFile };
    };
    const [agent, manager] = [await keysOf('agent'), await keysOf('manager')];
    canaries.watch('the secret key of calls', agent.secretKey ?? '');
    const environment = {
      BACKEND_ETCD_USER: 'agent',
      BACKEND_ETCD_PASSWORD: canaries.plant('the password of etcd'),
      KERNELET_LOG_LEVEL: 'debug',
    };
    await using member = await Member.joined({
      id: 'i-canaries',
      etcdPort: services.etcd.port,
      stream: services.stream,
      agentLines: [`rpc-auth-agent-keypair = "${agent.secret}"`, `rpc-auth-manager-public-key = "${manager.file}"`],
      keys: { publicKey: manager.publicKey, secretKey: manager.secretKey ?? '', serverKey: agent.publicKey },
      environment,
    });
    canaries.watch('the secret of the state folder', await readFile(path.join(member.stateDir, 'secret')));
    const outputs = new Map<string, string | Uint8Array>();
    const failureOf = async (what: string, method: string, ...args: readonly MsgpackValue[]): Promise<string> => {
      const { type, failure } = await member.client.call(method, args);
      expect([what, type]).toEqual([what, 'failure']);
      const text = (failure ?? []).join('\n');
      outputs.set(`the failure of ${what}`, text);
      return text;
    };

    const keyPair = (name: string) => ({
      public_key: 'ssh-ed25519 AAAA x',
      private_key: `-----BEGIN OPENSSH PRIVATE KEY-----\n${canaries.plant(name)}\n-----END OPENSSH PRIVATE KEY-----\n`,
    });
    const session = {
      environ: { TOKEN: canaries.plant('a variable'), PLAIN: canaries.plant('another variable') },
      bootstrap_script: `echo ${canaries.plant('a start-up script')} >/dev/null`,
      internal_data: {
        dotfiles: [{ path: '.netrc', perm: '600', data: canaries.plant('a dotfile') }],
        ssh_keypair: keyPair('the key of a user'),
        docker_credentials: { 'r.example': { password: canaries.plant('credentials of Docker') } },
      },
    };
    const [id, owner] = [newKernelId() as string, newKernelId() as string];
    const fixture = kernelConfigFixture({ auto_pull: 'none', ...session });
    const image = { ...(fixture['image'] as object), canonical: 'kernelet/python:latest' };
    const order = (config: object, cluster = {}) => createKernelsArguments(owner, { [id]: config as never }, cluster);
    const [info] = (await member.call(
      'create_kernels',
      ...order({ ...fixture, image }, { ssh_keypair: keyPair('the key of a session') }),
    )) as readonly Readonly<Record<string, MsgpackValue>>[];
    const container = String(info?.['container_id']);
    outputs.set('the reply to a creation', JSON.stringify(info));
    const kernel = { id, session: owner, info: info ?? {} };
    expect(await member.execute(kernel, 'import os; print(os.environ["TOKEN"][:6])')).toBe('Canary\n');
    const { secret } = JSON.parse(
      await readFile(path.join(member.stateDir, 'scratch', id, 'run', 'runner.json'), 'utf8'),
    ) as { secret: string };
    canaries.watch('the secret of a runner', secret);
    outputs.set('the arguments of processes', allCommandLines());
    outputs.set('the container', await docker('inspect', container));

    const password = canaries.plant('the password of a registry');
    const credentials = { name: registry.host, url: `http://${registry.host}`, username: 'robot', password };
    const pulled = { ...image, canonical: `${registry.host}/stable/thing:1`, registry: credentials };
    const other = newKernelId() as string;
    const refused = { ...fixture, image: pulled, auto_pull: 'digest' };
    const pulling = createKernelsArguments(owner, { [other]: refused as never });
    expect(await failureOf('a pull', 'create_kernels', ...pulling)).toContain('[redacted]');
    expect(registry.shown()).toContain(password);
    const reference = { registry: registry.host, project: 'p', name: 'base', tag: '1', architecture: 'x86_64' };
    await docker('tag', 'kernelet/base:latest', `${registry.host}/p/base:1`);
    await member.call('push_image', { ...reference, is_local: false }, credentials);
    await member.until('the end of a push', async () => member.log.includes('"a background task has ended"'));
    await docker('rmi', `${registry.host}/p/base:1`);
    const wrong = canaries.plant('a value of another type');
    for (const [what, change] of Object.entries<object>({
      'a variable that is a list': { environ: { TOKEN: [wrong] } },
      'a key without its other half': { internal_data: { ssh_keypair: { private_key: wrong } } },
      'a dotfile without a mode': { internal_data: { dotfiles: [{ path: '.x', data: wrong }] } },
      'a script that is a list': { bootstrap_script: [wrong] },
      'a registry without a name': { image: { ...image, registry: { url: '', username: '', password: wrong } } },
      'credentials that are a text': { internal_data: { docker_credentials: wrong } },
    })) {
      await failureOf(
        what,
        'create_kernels',
        ...createKernelsArguments(owner, { [other]: { ...fixture, ...change } as never }),
      );
    }

    const socket = path.join(member.folder, 'ipc', 'kernelet.sock');
    for (const args of [
      ['inspect', id, '--json'],
      ['ps', '--all', '--json'],
      ['events', '--json'],
      ['config', 'show', '-f', member.configFile, '--json'],
      ['config', 'show', '-f', member.configFile],
      ['doctor', '-f', member.configFile],
    ]) {
      const { text, stderr } = await kernelet(args, { environment: { ...environment, KERNELET_SOCKET: socket } });
      outputs.set(`kernelet ${args.join(' ')}`, `${text}${stderr}`);
    }
    for (const of of ['/metrics', '/v1/status', '/v1/events', '/v1/resources']) {
      outputs.set(`GET ${of}`, (await callApi(socket, 'GET', of)).text);
    }
    process.kill(member.pid, 'SIGUSR2');
    await member.untilLogged('a snapshot of the state is written');
    outputs.set('a snapshot', await readFile(path.join(member.folder, 'var', 'kernelet-snapshot.json')));

    await member.destroy(kernel);
    await member.until('the end', async () => (await member.lifeOf(kernel)).includes('kernel_terminated'));
    for (const database of [0, 2, 3, 4]) {
      outputs.set(`database ${database} of Redis`, await contentOf(services.redis.link(database)));
    }
    const { 'config/redis/password': _, ...keys } = Object.fromEntries(
      Object.entries(await services.keys()).map(([key, value]) => [key.replace(/^\/sorna\/local\//, ''), value]),
    );
    outputs.set('etcd', JSON.stringify(keys));
    const outbox = path.join(member.stateDir, 'outbox');
    for (const name of await readdir(outbox)) outputs.set(`outbox/${name}`, await readFile(path.join(outbox, name)));
    outputs.set('the log', member.log);
    expect(openToOthers(member.stateDir, ['scratch', 'volumes'])).toEqual([]);
    expect((await stat(path.join(member.stateDir, 'scratch'))).mode & 0o777).toBe(0o700);

    expect(canaries.placesIn(outputs)).toEqual([]);
  });
});
