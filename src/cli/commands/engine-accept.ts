/** `kernelet engine accept`: the operator's word that another engine has the kernels from now on. */
import type { CliCommand } from '../command.ts';
import { daemonClient } from '../connect.ts';

export const engineAccept = {
  name: 'engine accept',
  summary: 'go on with another engine',
  description: `Takes the container engine that answers for the one that has the kernels from now on. It is for a daemon that refuses
to touch anything because another engine answers than the one that its kernels are with, or one that has lost its data: see first
whether that one can be brought back. Kernels that this engine does not have are missing, and end after kernelet.missing-grace;
their files are kept for kernelet.trash-keep.`,
  operands: [],
  options: [],
  examples: [{ command: 'kernelet engine accept', what: 'the old engine is gone for good' }],
  async run(call) {
    await using client = await daemonClient(call);
    const engine = await client.acceptEngine();
    const state = engine.healthy ? '' : `: ${engine.detail}`;
    await call.screen.either(engine, () => `${engine.address}${state}\n`);
    return 0;
  },
} satisfies CliCommand;
