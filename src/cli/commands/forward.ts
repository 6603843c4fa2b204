/** `kernelet forward`: local ports that lead to ports of a kernel. */
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { type Forward, forwardPort, parseForward } from '../forwards.ts';
import { reportError } from '../report-error.ts';

const loopbacks = ['127.0.0.1', '::1', 'localhost'];

export const forward = {
  name: 'forward',
  summary: 'reach ports of a kernel by local ones',
  description: `Listens on local TCP ports, and carries each connection to a port of the kernel, which need not be published, until Ctrl-C. PORT alone
is the same port here; LOCAL:PORT another one, of 127.0.0.1, or of HOST; :PORT one that the system chooses. It works for kernels
without a network too. A connection of which nothing comes for four hours is ended.`,
  operands: ['<id>', '<port...>'],
  usage: 'ID [[HOST:]LOCAL:]PORT...',
  options: [],
  examples: [
    { command: 'kernelet forward 3f2a 8888', what: 'http://127.0.0.1:8888/ is the port 8888 of the kernel' },
    { command: 'kernelet forward 3f2a 15432:5432 :8000', what: 'two ports, one of which the system chooses' },
  ],
  async run(call) {
    const { operands, screen } = call;
    const [id = '', ...texts] = operands;
    const forwards = texts.map(parseForward);
    const interruption = call.listen();
    await using client = await daemonClient(call);
    // A kernel that is not there, or too old for it, is told before anything listens.
    await client.ports(id);
    await using opened = new AsyncDisposableStack();
    for (const wish of forwards) {
      const local = await forwardPort({
        forward: wish,
        connect: (port) => client.connectPort(id, port, interruption.signal),
        onFailure: (error) => void (interruption.signal.aborted || reportError(screen, error, '')),
      });
      opened.use(local);
      const address = addressOf(wish, local.port);
      await screen.document({ address, port: wish.port });
      await screen.result(`${address} -> ${wish.port}\n`);
      if (!loopbacks.includes(wish.host)) await screen.note(`whoever reaches ${address} gets to the kernel`);
    }
    const { signal } = interruption;
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener('abort', () => resolve(), { once: true });
    });
    throw signal.reason;
  },
} satisfies CliCommand;

const addressOf = ({ host }: Forward, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
