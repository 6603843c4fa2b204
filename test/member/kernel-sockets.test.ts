/** Sockets of the host side that a kernel of a member has: that of the agent, and those that the operator lets through. */
import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Member } from '../support/cluster/member.ts';
import { describeCluster } from '../support/cluster/services.ts';

/** Asks the agent in the bytes of ZeroMQ, without its library. */
const client = `
import os, re, socket, struct
def frame(body, more=False): return bytes([int(more), len(body)]) + body
def read(of, size):
    data = b''
    while len(data) < size:
        piece = of.recv(size - len(data))
        if not piece: raise EOFError
        data += piece
    return data
def frames(of):
    more, found = True, []
    while more:
        flags, size = read(of, 2)
        found.append(read(of, size))
        more = flags & 1
    return flags, found
def ask(*parts):
    of = socket.socket(socket.AF_UNIX)
    of.connect('/opt/kernel/agent.sock')
    of.sendall(b'\\xff' + bytes(8) + b'\\x7f\\x03\\x00' + b'NULL'.ljust(20, b'\\0') + bytes(32))
    read(of, 64)
    of.sendall(b'\\x04\\x19\\x05READY\\x0bSocket-Type' + struct.pack('>I', 3) + b'REQ')
    frames(of)
    of.sendall(b''.join(frame(part, at < len(parts)) for at, part in enumerate((b'', *parts))))
    return [struct.unpack('i', part)[0] if len(part) == 4 else part.decode() for part in frames(of)[1][1:]]
container = re.search(r'^CID=(\\w+)', open('/home/config/resource.txt').read(), re.M).group(1).encode()
number = lambda pid: struct.pack('i', pid)
`;
const asked = `
status, host = ask(b'container-pid-to-host-pid', container, number(os.getpid()))
back = ask(b'host-pid-to-container-pid', container, number(host))
print(status, host > 0, back == [0, os.getpid()], ask(b'host-pid-to-container-pid', container, number(1)))
`;

describeCluster('sockets of a kernel of a member', (services) => {
  const options = (id: string) => ({ id, etcdPort: services.etcd.port, stream: services.stream });

  // @promise agent-socket
  it('tell what its processes are called on the host, also after restarts of the daemon and of the kernel', async () => {
    await using member = await Member.joined(options('i-agent-socket'));
    const kernel = await member.create();
    await member.execute(kernel, client);
    expect(await member.execute(kernel, asked)).toBe('0 True True [0, -1]\n');
    await member.endDaemon('SIGKILL');
    await member.startDaemon();
    await member.untilLogged('member of the cluster');
    expect(await member.execute(kernel, asked)).toBe('0 True True [0, -1]\n');
    expect((await member.run(['restart', '--force', kernel.id])).status).toBe(0);
    expect(await member.execute(kernel, client + asked)).toBe('0 True True [0, -1]\n');
    const tries = `
for change in (lambda: os.unlink('/opt/kernel/agent.sock'), lambda: open('/opt/kernel/x', 'w')):
    try: print(change())
    except OSError as error: print(error.errno in (1, 13, 30))
`;
    expect(await member.execute(kernel, tries)).toBe('True\nTrue\n');
  });

  // @promise kernel-sockets
  it('lead to sockets of the host that the operator names, and to no others', async () => {
    const member = await Member.make({
      ...options('i-socket-proxies'),
      agentLines: ['[kernelet]', 'socket-proxies = ["/run/kernelet-test/echo.sock"]'],
    });
    await using _member = member;
    const echo = createServer({ allowHalfOpen: true }, (connection) => connection.pipe(connection));
    const hostPath = '/run/kernelet-test/echo.sock';
    await member.startDaemon();
    await member.untilLogged('member of the cluster');
    const refused = member.create({ internal_data: { domain_socket_proxies: ['/run/docker.sock'] } });
    await expect(refused).rejects.toThrow(/kernelet\.socket-proxies does not name it/);
    const kernel = await member.create({ internal_data: { domain_socket_proxies: [hostPath] } });
    onTestFinished(() => new Promise((resolve) => void echo.close(() => resolve())));
    await mkdir(path.dirname(hostPath), { recursive: true });
    onTestFinished(() => rm(path.dirname(hostPath), { recursive: true, force: true }));
    await new Promise<void>((resolve) => echo.listen(hostPath, resolve));
    const talk = `
import socket
of = socket.socket(socket.AF_UNIX)
of.connect('${hostPath}')
of.sendall(b'hello')
of.shutdown(socket.SHUT_WR)
print(of.makefile('rb').read())
`;
    expect(await member.execute(kernel, talk)).toBe("b'hello'\n");
    await member.endDaemon('SIGTERM');
    await member.startDaemon();
    await member.untilLogged('member of the cluster');
    expect(await member.execute(kernel, talk)).toBe("b'hello'\n");
  });
});
