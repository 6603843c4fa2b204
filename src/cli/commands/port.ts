/** `kernelet port`: the ports of a kernel, and the way to one of them. */
import type { ApiReply } from '../../http/api-types.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { exitStatus } from '../exit-status.ts';
import { UsageError } from '../option-reader.ts';
import { table } from '../screen.ts';

type Ports = ApiReply<'listPorts'>;

export const port = {
  name: 'port',
  summary: 'show the ports of a kernel',
  description: `Lists the TCP ports of a kernel: those that are published, and those on which something listens in it. With PORT it says how that
one is reached: its address on this machine where it is published, else what to type. Nothing need be published to be reached by
\`kernelet forward\`, or by programs through the API.`,
  operands: ['<id>', '[port]'],
  options: [],
  examples: [
    { command: 'kernelet port 3f2a', what: 'what listens, and where it is reached' },
    { command: 'kernelet port 3f2a 8888', what: '127.0.0.1:30000, where it is published' },
  ],
  async run(call) {
    const [id = '', wanted] = call.operands;
    const number = wanted === undefined ? null : portOf(wanted);
    await using client = await daemonClient(call);
    const ports = await client.ports(id);
    if (number === null) {
      await call.screen.either(ports, () => listing(ports));
      if (ports.more) await call.screen.note('more ports are listened on than are listed');
      return exitStatus.ok;
    }
    const published = ports.published.find(({ containerPort }) => containerPort === number)?.hostPort ?? null;
    const isOpen = ports.ports.some((one) => one.port === number);
    await call.screen.document({ port: number, hostPort: published, listening: isOpen });
    if (published !== null) await call.screen.result(`127.0.0.1:${published}\n`);
    else {
      await call.screen.result(`kernelet forward ${id} ${number}\n`);
      await call.screen.note(`port ${number} is not published; the command above brings it to 127.0.0.1:${number}`);
    }
    if (!isOpen && !ports.more) await call.screen.note(`nothing listens on port ${number} in the kernel`);
    return exitStatus.ok;
  },
} satisfies CliCommand;

function portOf(text: string): number {
  const number = Number(text);
  if (/^\d{1,5}$/.test(text) && number >= 1 && number <= 65_535) return number;
  throw new UsageError(`${JSON.stringify(text.slice(0, 80))} is not a port from 1 to 65535`);
}

function listing({ published, ports }: Ports): string {
  const numbers = new Set([...published.map(({ containerPort }) => containerPort), ...ports.map((one) => one.port)]);
  if (numbers.size === 0) return '';
  const rows = [...numbers]
    .sort((one, other) => one - other)
    .map((number) => {
      const host = published.find(({ containerPort }) => containerPort === number)?.hostPort;
      const addresses = ports.find((one) => one.port === number)?.addresses ?? [];
      return [
        String(number),
        addresses.length === 0 ? '-' : addresses.join(', '),
        host === undefined ? '-' : `127.0.0.1:${host}`,
      ];
    });
  return table([{ heading: 'PORT', align: 'right' }, { heading: 'LISTENS AT' }, { heading: 'PUBLISHED AT' }], rows);
}
