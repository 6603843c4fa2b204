import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { listen } from './listen.ts';

it('rejects where something listens already', async () => {
  await using first = createServer();
  await using second = createServer();
  await listen(first, { host: '127.0.0.1', port: 0 });
  const bound = first.address();
  const port = typeof bound === 'object' && bound ? bound.port : 0;
  await expect(listen(second, { host: '127.0.0.1', port })).rejects.toThrow('EADDRINUSE');
});

it('a connection that cannot be accepted does not end the process', async () => {
  await using server = createServer();
  const heard: string[] = [];
  await listen(server, { host: '127.0.0.1', port: 0 }, ({ message }) => heard.push(message));
  server.emit('error', new Error('accept EMFILE'));
  server.emit('error', new Error('accept ENFILE'));
  expect(heard).toEqual(['accept EMFILE', 'accept ENFILE']);
});
