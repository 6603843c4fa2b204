import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { listeningPorts, portsOf } from './listening.ts';

const line = (local: string, state: string): string =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 100 0 0 10 0`;

it('a port is listed once, with each address on which something listens', () => {
  const text = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    line('0100007F:1F90', '0A'),
    line('020011AC:1F90', '0A'),
    line('00000000:0050', '0A'),
    line('00000000000000000000000000000000:0050', '0A'),
    line('00000000000000000000000001000000:1F90', '0A'),
    line('B80D0120000000000000000001000000:0051', '0A'),
  ].join('\n');
  expect(portsOf(text)).toEqual({
    ports: [
      { port: 80, addresses: ['0.0.0.0', '::'] },
      { port: 81, addresses: ['2001:db8::1'] },
      { port: 8080, addresses: ['127.0.0.1', '172.17.0.2', '::1'] },
    ],
    more: false,
  });
});

it('connections, the resolver of the engine and what is no line are not', () => {
  const text = [line('0100007F:1F90', '01'), line('0B00007F:A1B2', '0A'), 'garbage', '', line('zz:1', '0A')].join('\n');
  expect(portsOf(text)).toEqual({ ports: [], more: false });
});

it('more ports than a reply takes are said to be there', () => {
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0');
  const text = Array.from({ length: 300 }, (_, index) => line(`00000000:${hex(300 - index)}`, '0A')).join('\n');
  const { ports, more } = portsOf(text);
  expect([ports.length, ports[0]?.port, ports.at(-1)?.port, more]).toEqual([256, 1, 256, true]);
});

it('the system is asked', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  expect((await listeningPorts()).ports).toContainEqual({ port, addresses: ['127.0.0.1'] });
  server.close();
});
