/** `kernelet files mkdir`: folders in a kernel. */
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';
import { kernelPlace } from '../kernel-place.ts';

export const filesMkdir = {
  name: 'files mkdir',
  summary: 'make folders in a kernel',
  description: 'Makes folders with their parents, as `mkdir -p` does; one that is there already stays as it is.',
  operands: ['<id:path...>'],
  usage: 'ID:PATH...',
  options: [],
  examples: [{ command: 'kernelet files mkdir web:public/img', what: 'and public, where it is missing' }],
  async run(call) {
    const places = call.operands.map(kernelPlace);
    await using client = await daemonClient(call);
    const folders: { path: string; created: boolean }[] = [];
    for (const { kernel, path } of places)
      folders.push({ path, created: await client.files.createFolder(kernel, path) });
    await call.screen.document({ folders });
    return 0;
  },
} satisfies CliCommand;
