/** Commands for members of a cluster; `index.ts` lists them. */
import path from 'node:path';
import type { CliCommand } from '../cli/command.ts';

/** Writes the two certificate files of one pair; without a daemon. */
export const keypair = {
  name: 'keypair',
  summary: 'make CURVE keys for calls of a manager',
  description: `Makes a pair of keys and writes it into FOLDER, which must exist: NAME.key is public, NAME.key_secret is for its owner
alone. Files that are there already are left alone.`,
  operands: ['<folder>', '<name>'],
  options: [],
  examples: [{ command: 'kernelet keypair /etc/backend.ai agent', what: "this node's keys" }],
  async run({ operands: [folder = '', name = ''], host, screen }) {
    const { makeCurveKeys } = await import('./transport/curve-keys.ts');
    const made = await makeCurveKeys(path.resolve(host.io.workingDirectory, folder), name);
    await screen.either(made, () => `${made.publicFile}\n${made.secretFile}\n`);
    return 0;
  },
} satisfies CliCommand;
