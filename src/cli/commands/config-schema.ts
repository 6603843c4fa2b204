/** `kernelet config schema`: what agent.toml may hold. */
import type { CliCommand } from '../command.ts';

export const configSchema = {
  name: 'config schema',
  summary: 'print the JSON Schema',
  description:
    'Prints the JSON Schema of agent.toml: every key with its type, default, bounds and meaning. Editors understand it.',
  operands: [],
  options: [],
  examples: [{ command: 'kernelet config schema > agent.schema.json', what: 'for an editor' }],
  async run({ screen }) {
    const { configJsonSchema } = await import('../../config/schema.ts');
    const schema = configJsonSchema();
    await screen.either(schema, () => `${JSON.stringify(schema, null, 2)}\n`);
    return 0;
  },
} satisfies CliCommand;
