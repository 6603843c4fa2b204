/** What the Linux kernel counts by user: each kernel has a user of its own, and leaves its neighbours what is theirs. */
import { chmod, chown, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engineCall } from '../support/engine-api.ts';
import { eventually, kernelsOf } from '../support/node-facts.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';

let node: NodeUnderTest;
let mountable: string;
let [greedy, neighbour] = ['', ''];
beforeAll(async () => {
  mountable = await mkdtemp(path.join(tmpdir(), 'kernelet-users-'));
  node = await NodeUnderTest.started({ configuration: `[kernelet]\nmount-allow = ["${mountable}"]\n` });
  [greedy, neighbour] = [await node.create('--lang', 'python'), await node.create('--lang', 'python')];
});
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  await rm(mountable, { recursive: true, force: true });
});

const python = async (id: string, code: string): Promise<string> => {
  const outcome = await node.run(['exec', id, '-c', code]);
  expect(outcome).toMatchObject({ status: 0, stderr: '' });
  return outcome.text.trim();
};
const shell = (id: string, line: string): Promise<string> =>
  python(
    id,
    `import subprocess; print(subprocess.run(["sh", "-c", ${JSON.stringify(line)}], capture_output=True, text=True).stdout)`,
  );

/** Defines `take`, which takes one of a resource and answers whether it got it; what it took is held. */
const resources: readonly (readonly [string, string])[] = [
  ['instances of inotify', 'take = lambda: libc.inotify_init() >= 0'],
  [
    'pending signals, which POSIX timers take',
    `
resource.setrlimit(resource.RLIMIT_SIGPENDING, (2000, 2000))
take = lambda: librt.timer_create(1, None, ctypes.byref(ctypes.c_void_p())) == 0`,
  ],
  [
    'bytes of POSIX message queues',
    `
names = iter(range(10 ** 6))
take = lambda: librt.mq_open(b"/q%d" % next(names), os.O_CREAT | os.O_RDWR, 0o600, None) >= 0`,
  ],
  [
    'memory of pipes beyond the usual',
    `
pipes = []
def take():
    pipes.append(os.pipe())
    try: return fcntl.fcntl(pipes[-1][1], 1031, 2 ** 20) > 0
    except PermissionError: return False`,
  ],
];
const prelude = `
import ctypes, fcntl, os, resource
libc, librt = ctypes.CDLL(None), ctypes.CDLL("librt.so.1")`;

describe('a kernel that has used up', () => {
  // @promise neighbours
  it.each(resources)('its %s leaves its neighbour as much', async (_, taking) => {
    const count = `${prelude}
${taking}
n = 0
while n < 20000 and take(): n += 1
print(n)`;
    const taken = Number(await python(greedy, count));
    expect(taken).toBeGreaterThan(4);
    expect(taken).toBeLessThan(20_000);
    expect(Number(await python(neighbour, count))).toBe(taken);
  });
});

describe('a kernel', () => {
  const facts = 'echo $(id -u) $(id -g) $(whoami) $(id -gn) ~ $(stat -c "%u:%g:%U" ~); touch ~/own && echo writes';

  it('is known by its name inside, and has its home', async () => {
    const found = await Promise.all([shell(greedy, facts), shell(neighbour, facts)]);
    const users = (await kernelsOf(node)).map(({ user }) => user);
    expect(new Set(users.map(({ uid }) => uid)).size).toBe(users.length);
    for (const { uid, gid } of users) {
      expect([gid, uid >= 2_000_000 && uid <= 2_065_535]).toEqual([uid, true]);
      expect(found).toContain(`${uid} ${gid} work work /home/work ${uid}:${gid}:work\nwrites`);
    }
  });

  it('has the user of before after a restart, a killed daemon and an end that nobody asked for', async () => {
    const id = await node.create('--lang', 'shell');
    const own = async () => (await kernelsOf(node)).find((kernel) => kernel.id === id);
    const user = (await own())?.user;
    const look = async () => (await node.run(['exec', id, '-c', facts])).text;
    const before = await look();
    expect(before).toMatch(new RegExp(`^${user?.uid} ${user?.gid} work .*\nwrites\n$`));
    expect((await node.run(['restart', id])).status).toBe(0);
    expect(await look()).toBe(before);
    await node.endDaemon('SIGKILL');
    await node.startDaemon();
    expect(await look()).toBe(before);
    await engineCall('POST', `/containers/${(await own())?.containerId}/kill`);
    await eventually('it has ended', async () => ((await own()) ? null : true), 60_000);
    expect((await node.run(['restore', id])).status).toBe(0);
    expect([(await own())?.user, await look()]).toEqual([user, before]);
    await node.run(['rm', id]);
  });

  it('has the common user where it has a folder of this host, whose files are that user’s', async () => {
    const folder = path.join(mountable, 'of-1000');
    await mkdir(folder);
    await chown(folder, 1000, 1000);
    await chmod(folder, 0o700);
    const id = await node.create('--lang', 'shell', '--mount', `${folder}:/home/work/data`);
    const outcome = await node.run(['exec', id, '-c', 'id -u; echo x > data/file; whoami']);
    expect(outcome).toMatchObject({ status: 0, text: '1000\nwork\n' });
    expect(await stat(path.join(folder, 'file'))).toMatchObject({ uid: 1000, gid: 1000 });
    await node.run(['rm', id]);
  });

  it('has the user that the operator names', async () => {
    const configuration = path.join(node.folder, 'named.toml');
    await writeFile(configuration, '[container]\nkernel-uid = 4321\n');
    const environment = {
      BACKEND_CONFIG_FILE: configuration,
      KERNELET_SOCKET: path.join(node.folder, 'nobody.sock'),
    };
    const args = ['run', '--lang', 'shell', '-c', 'id -u; id -g'];
    expect((await node.run(args, { environment })).text).toBe('4321\n1000\n');
  });
});
