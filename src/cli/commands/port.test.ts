import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';

let cli: CliUnderTest;
beforeEach(async () => {
  cli = await CliUnderTest.started();
  await cli.run(['create', '--lang', 'python', '--name', 'lab', '--publish', '8888']);
  cli.agent.plantedPorts.set(8888, 1);
  cli.agent.plantedPorts.set(5000, 2);
});
afterEach(() => cli[Symbol.asyncDispose]());

describe('port', () => {
  it('lists what listens and what is published', async () => {
    const { stdout } = await cli.run(['port', 'lab']);
    expect(stdout).toMatch(
      /^PORT {2}LISTENS AT {2}PUBLISHED AT\n5000 {2}127\.0\.0\.1 {3}-\n8888 {2}127\.0\.0\.1 {3}127\.0\.0\.1:\d+\n$/,
    );
    expect(await cli.document('port', 'lab')).toMatchObject({ ports: [{ port: 8888 }, { port: 5000 }], more: false });
  });

  it('says how one is reached, and whether anything is there', async () => {
    const { stdout, stderr } = await cli.run(['port', 'lab', '8888']);
    expect([stdout, stderr]).toEqual([expect.stringMatching(/^127\.0\.0\.1:\d+\n$/), '']);
    expect(await cli.run(['port', 'lab', '5000'])).toMatchObject({
      stdout: 'kernelet forward lab 5000\n',
      stderr: expect.stringContaining('port 5000 is not published'),
    });
    expect((await cli.run(['port', 'lab', '81'])).stderr).toContain('nothing listens on port 81 in the kernel\n');
    expect(await cli.document('port', 'lab', '81')).toEqual({ port: 81, hostPort: null, listening: false });
    expect(await cli.run(['port', 'lab', '81/udp'])).toMatchObject({ status: 2 });
  });
});

describe('forward', () => {
  it('listens until Ctrl-C, and says why a connection came to nothing', async () => {
    const server = createServer((socket) => socket.end('from the kernel')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    cli.agent.plantedPorts.set(5000, (server.address() as AddressInfo).port);
    const io = cli.io();
    const ended = cli.run(['port-forward', 'lab', ':5000', ':81'], io);
    await expect.poll(() => io.stdout.text.split('\n').length).toBe(3);
    const [open, closed] = [...io.stdout.text.matchAll(/^127\.0\.0\.1:(\d+) -> \d+$/gm)].map(([, port]) =>
      Number(port),
    );
    expect(await text(connect(open ?? 0, '127.0.0.1'))).toBe('from the kernel');
    expect(await text(connect(closed ?? 0, '127.0.0.1')).catch(() => '')).toBe('');
    await expect.poll(() => io.stderr.text).toContain('nothing listens on port 81 in the kernel');
    io.send('SIGINT');
    expect(await ended).toMatchObject({ status: 'SIGINT' });
    server.close();
  });

  it('listens nowhere for a kernel that is not there, or a port that is none', async () => {
    expect(await cli.run(['forward', 'nobody', ':5000'])).toMatchObject({ status: 125, stdout: '' });
    expect(await cli.run(['forward', 'lab', ':5000', 'x'])).toMatchObject({ status: 2, stdout: '' });
    expect(await cli.run(['forward', 'lab'])).toMatchObject({ status: 2, stdout: '' });
  });
});
