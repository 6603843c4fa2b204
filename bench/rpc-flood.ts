/** Many calls of `ping` at once, as fast as they are answered. */
import { loadZeromq } from '../src/backendai/transport/zeromq.ts';
import { encodeHeader } from '../src/backendai/wire/callosum.ts';
import { encodeRequestData } from '../test/support/manager-wire.ts';

const warmUps = 2_000;

/** Calls a second with so many outstanding; the requests' bytes are the same all the time. */
export async function floodRate(endpoint: string, outstanding: number, calls: number): Promise<number> {
  const { Dealer, Context } = loadZeromq();
  const socket = new Dealer({ context: new Context(), linger: 0, sendHighWaterMark: 0, receiveHighWaterMark: 0 });
  socket.connect(endpoint);
  const header = encodeHeader('function', { method: 'ping', orderKey: '', sequence: 0 });
  const request = [Buffer.from('UPPER'), header, encodeRequestData({ args: ['pong'], kwargs: {} })];
  const run = async (count: number): Promise<void> => {
    for (let index = 0; index < outstanding; index += 1) await socket.send(request);
    for (let received = 1; received <= count; received += 1) {
      await socket.receive();
      if (received <= count - outstanding) await socket.send(request);
    }
  };
  await run(warmUps);
  const begun = performance.now();
  await run(calls);
  const seconds = (performance.now() - begun) / 1000;
  socket.close();
  return calls / seconds;
}
