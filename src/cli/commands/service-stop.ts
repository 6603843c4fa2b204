/** `kernelet service stop`: the end of an application of a kernel. */
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';

export const serviceStop = {
  name: 'service stop',
  summary: 'end an application in a kernel',
  description:
    'Ends an application, by force when it takes its time. One that does not run is nothing to end; one that the kernel has not is an error.',
  operands: ['<id>', '<service>'],
  options: [],
  examples: [{ command: 'kernelet service stop 3f2a jupyterlab', what: 'it can be started again' }],
  async run(call) {
    const [id = '', service = ''] = call.operands;
    await using client = await daemonClient(call);
    await client.stopService(id, service);
    await call.screen.document({ service });
    return 0;
  },
} satisfies CliCommand;
