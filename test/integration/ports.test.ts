/** Ports of kernels that nobody has published: by the proxy of the API, and by local ports. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { NodeUnderTest } from '../support/node-under-test.ts';

/** Echoes bodies and WebSockets, and says how it was asked; on a second port, bytes. */
const program = `
import base64, hashlib, http.server, socket, struct, threading

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *_): pass
    def do_GET(self):
        if self.headers.get('Upgrade') == 'websocket':
            return self.websocket()
        said = f"{self.path} {self.headers['Host']} {self.headers['X-Forwarded-Prefix']} {self.headers['Cookie']}".encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(said)))
        self.send_header('Set-Cookie', 'a=b')
        self.end_headers()
        self.wfile.write(said)
    def do_PUT(self):
        left = int(self.headers['Content-Length'])
        self.send_response(200)
        self.send_header('Content-Length', str(left))
        self.end_headers()
        while left:
            piece = self.rfile.read(min(left, 65536))
            left -= len(piece)
            self.wfile.write(piece)
    def websocket(self):
        key = self.headers['Sec-WebSocket-Key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
        self.send_response(101)
        self.send_header('Connection', 'Upgrade')
        self.send_header('Upgrade', 'websocket')
        self.send_header('Sec-WebSocket-Accept', base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        while True:
            head = self.rfile.read(2)
            if len(head) < 2 or head[0] & 15 == 8:
                break
            size = head[1] & 127
            if size == 126: size = struct.unpack('>H', self.rfile.read(2))[0]
            mask = self.rfile.read(4)
            data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.rfile.read(size)))
            self.wfile.write(bytes([129, size]) + data)
        self.close_connection = True

def echo(listening):
    while True:
        near, _ = listening.accept()
        threading.Thread(target=relay, args=(near,)).start()
def relay(near):
    while piece := near.recv(65536): near.sendall(piece)
    near.shutdown(socket.SHUT_WR)

listening = socket.create_server(('127.0.0.1', 7000))
threading.Thread(target=echo, args=(listening,)).start()
silent = socket.create_server(('127.0.0.1', 7001), backlog=0)
http.server.ThreadingHTTPServer(('127.0.0.1', 8000), Handler).serve_forever()
`;

let node: NodeUnderTest;
/** Asked from the start, since the wait takes ten seconds. */
let unaccepted: readonly Promise<number | undefined>[];
beforeAll(async () => {
  node = await NodeUnderTest.started();
  // Without a network: what is reached there is reached anywhere.
  const made = await node.run(['create', '--lang', 'python', '--name', 'web', '--network', 'none']);
  expect(made.stderr).toBe('');
  expect((await node.run(['exec', '-d', 'web', '--', 'python3', '-c', program])).status).toBe(0);
  await vi.waitFor(async () => expect((await node.run(['port', 'web'])).text).toContain('8000'), { timeout: 20_000 });
  unaccepted = Array.from({ length: 4 }, async () => (await ask('7001/')).statusCode);
  for (const one of unaccepted) one.catch(() => {});
});
afterAll(() => node[Symbol.asyncDispose]());

async function ask(path: string, options: object = {}, body?: Uint8Array): Promise<IncomingMessage> {
  const sent = request({ socketPath: node.socket, agent: false, path: `/v1/kernels/web/ports/${path}`, ...options });
  sent.end(body);
  return (await once(sent, 'response'))[0] as IncomingMessage;
}

// @promise ports-unpublished
it('a server in a kernel without a network answers through the API, with megabytes both ways, and as a WebSocket', async () => {
  const said = await ask('8000/a/b?c=d', { headers: { cookie: 'api=secret' } });
  expect([said.statusCode, said.headers['set-cookie'], await text(said)]).toEqual([
    200,
    undefined,
    '/a/b?c=d localhost:8000 /v1/kernels/web/ports/8000 None',
  ]);
  const sent = Buffer.alloc(20 * 1024 * 1024, 'kernelet');
  expect(sent.equals(await buffer(await ask('8000/', { method: 'PUT' }, sent)))).toBe(true);
  const client = new WebSocket(`ws+unix://${node.socket}:/v1/kernels/web/ports/8000/live`);
  await once(client, 'open');
  client.send('hello');
  expect(String((await once(client, 'message'))[0])).toBe('hello');
  client.close();
  expect((await ask('8001/')).statusCode).toBe(502);
});

// @promise ports-unpublished
it('a local port leads to one of the kernel until Ctrl-C, and says where it listens', async () => {
  const { child, outcome } = node.start(['forward', 'web', ':7000']);
  const [line] = (await once(child.stdout ?? child, 'data')) as [Buffer];
  const [, port] = /^127\.0\.0\.1:(\d+) -> 7000\n$/.exec(line.toString()) ?? [];
  const near = connect({ host: '127.0.0.1', port: Number(port), allowHalfOpen: true });
  const sent = Buffer.alloc(20 * 1024 * 1024, 'kernelet');
  near.end(sent);
  expect(sent.equals(await buffer(near))).toBe(true);
  child.kill('SIGINT');
  expect(await outcome).toMatchObject({ status: 130, stderr: '' });
});

it('the ports of a kernel are listed, with the way to each', async () => {
  expect(JSON.parse((await node.run(['port', 'web', '--json'])).text)).toEqual({
    published: [],
    ports: [7000, 7001, 8000].map((port) => ({ port, addresses: ['127.0.0.1'] })),
    more: false,
  });
  expect((await node.run(['port', 'web', '8000'])).text).toBe('kernelet forward web 8000\n');
});

// @promise ports-hostile
it('a program that accepts nothing keeps nobody waiting for long, and the kernel answers beside it', async () => {
  expect((await node.run(['exec', 'web', '-c', '6 * 7'])).text).toBe('42\n');
  // Whoever fits into its queue waits for an answer; who does not is told that no more are accepted.
  expect(await Promise.race(unaccepted)).toBe(502);
});
