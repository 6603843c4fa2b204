/** `kernelet create`: a kernel that stays. */
import { onIdleChoices } from '../../kernel/spec.ts';
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { createBody, forceOption, kernelOptions, languageOf } from '../kernel-options.ts';
import { UsageError } from '../option-reader.ts';
import { Progress } from '../progress.ts';

export const create = {
  name: 'create',
  summary: 'create a kernel',
  description: `Creates a kernel and prints its id when it is ready. It stays until it is removed with \`kernelet rm\`, or until it was
idle for --idle-timeout. Ctrl-C before it is ready undoes the creation.`,
  operands: [],
  options: [
    ...kernelOptions,
    { flags: '--idle-timeout <duration>', help: 'remove or pause it after this long without a run' },
    { flags: '--on-idle <what>', help: 'what to do then (default end)', choices: onIdleChoices },
    { flags: '--ttl <duration>', help: 'remove it after this long, whatever it does' },
    { flags: '--id <uuid>', help: 'the id to give it' },
    forceOption,
  ],
  examples: [
    { command: 'kernelet create --lang python', what: 'a Python kernel' },
    {
      command: 'kernelet create --lang python --name data --label team=a',
      what: 'with a name, which stands for the id',
    },
    { command: 'kernelet create --image debian:bookworm --lang shell --cpus 0.5 --mem 256m', what: 'any image, small' },
    { command: 'kernelet create --lang python --publish 8000 --idle-timeout 30m', what: 'a port, and an end' },
  ],
  async run(call) {
    const { options, screen, host } = call;
    const runtime = languageOf(options);
    if (!runtime && options.text('image') === undefined) {
      throw new UsageError('what kind of kernel: give --lang or --image');
    }
    const body = {
      ...(await createBody(options, host.io, { language: runtime?.type, interpreter: 'eager' })),
      idleTimeoutMs: options.duration('idle-timeout'),
      onIdle: options.choice('on-idle', onIdleChoices),
      ttlMs: options.duration('ttl'),
      id: options.text('id'),
    };
    const interruption = call.listen();
    await using client = await daemonClient(call);
    const kernel = await (async () => {
      await using progress = new Progress(screen);
      return await client.create(body, (state) => progress.update(state), interruption.signal, options.flag('force'));
    })();
    for (const warning of kernel.warnings) await screen.note(warning);
    await screen.either(kernel, () => `${kernel.id}\n`);
    return 0;
  },
} satisfies CliCommand;
