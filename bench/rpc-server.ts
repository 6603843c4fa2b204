/**
 * The other side of the RPC measure, a process of its own: `node rpc-server.ts callosum` serves the methods that need no
 * kernel, `… echo` sends back what comes, with nothing but ZeroMQ. Prints where it listens; ends with its input.
 */

import { methods } from '../src/backendai/rpc/methods/index.ts';
import { maxMessageBytes, RpcServer } from '../src/backendai/rpc/rpc-server.ts';
import { MessageRouter } from '../src/backendai/transport/message-router.ts';
import { loadZeromq } from '../src/backendai/transport/zeromq.ts';
import { silentLogger } from '../src/lib/log.ts';
import { rpcServices } from '../test/support/rpc-services.ts';

async function callosum(): Promise<void> {
  const address = { host: '127.0.0.1', port: 0 };
  const socket = await MessageRouter.bind({ address, curve: null, maxMessageBytes, log: silentLogger });
  const services = rpcServices();
  console.log(socket.endpoint);
  await new RpcServer({ socket, methods, services, log: silentLogger }).run();
}

async function echo(): Promise<void> {
  const socket = new (loadZeromq().Router)({ sendHighWaterMark: 0 });
  await socket.bind('tcp://127.0.0.1:*');
  console.log(socket.lastEndpoint);
  for await (const frames of socket) await socket.send(frames);
}

process.stdin.on('end', () => process.exit(0)).resume();
await (process.argv[2] === 'echo' ? echo() : callosum());
