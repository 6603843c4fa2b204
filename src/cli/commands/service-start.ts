/** `kernelet service start`: an application of a kernel. */
import type { Kernel } from '../../http/api-types.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { exitStatus } from '../exit-status.ts';
import { UsageError } from '../option-reader.ts';

export const serviceStart = {
  name: 'service start',
  summary: 'start an application in a kernel',
  description: `Starts an application that the kernel's image defines, and returns when its port is open. Its port has to be published when the
kernel is created; --publish 2200 also gives it an SSH server, and --publish 7681 a terminal for browsers, which run from the start.`,
  operands: ['<id>', '<service>'],
  options: [
    { flags: '--argument <flag[=value]>', help: 'an argument that the image allows', repeat: true },
    { flags: '-e, --env <name=value>', help: 'a variable that the image allows', repeat: true },
  ],
  examples: [
    { command: 'kernelet service start 3f2a jupyterlab', what: 'its host port is in kernelet inspect' },
    {
      command: 'kernelet service start 3f2a tensorboard --argument=--logdir=/home/work/runs',
      what: 'with an argument',
    },
  ],
  async run(call) {
    const { operands, options, screen } = call;
    const [id = '', service = ''] = operands;
    const flags = options.list('argument').map(flagOf);
    const envs = options.list('env').map(variableOf);
    await using client = await daemonClient(call);
    const wish = { arguments: Object.fromEntries(flags), envs: Object.fromEntries(envs) };
    const outcome = await client.startService(id, service, wish);
    await screen.document(outcome);
    if (outcome.status !== 'failed') return exitStatus.ok;
    const { services } = await client.inspect(id);
    const has = services.some(({ name }) => name === service) ? '' : `; ${servicesText(services)}`;
    await screen.note(`${service} was not started: ${outcome.error}${has}`);
    return exitStatus.failure;
  },
} satisfies CliCommand;

function servicesText(services: Kernel['services']): string {
  if (services.length === 0) return 'the kernel has none: publish the port of one when it is created';
  return `the kernel has ${services.map(({ name }) => name).join(', ')}`;
}

/** A flag may begin with dashes, and its value may have equals signs. */
function flagOf(text: string): readonly [string, string | null] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, null] : [text.slice(0, equals), text.slice(equals + 1)];
}

function variableOf(text: string): readonly [string, string] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new UsageError(`--env ${JSON.stringify(text.slice(0, 80))} is not NAME=VALUE`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}
