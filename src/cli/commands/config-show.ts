/** `kernelet config show`: the effective configuration with the source of each value. */
import { shownItem } from '../../config/problems.ts';
import type { LoadedSettings, SettingSource } from '../../config/settings.ts';
import { redactText } from '../../lib/redaction.ts';
import type { CliCommand } from '../command.ts';
import { configOptions, loadAsServe } from '../config-options.ts';
import { table } from '../screen.ts';

export const configShow = {
  name: 'config show',
  summary: 'show the effective configuration',
  description: `Shows every key with its value and where the value comes from: flag > environment > file > default. This is what
\`kernelet serve\` would use in this folder. Secrets are left out.`,
  operands: [],
  options: [...configOptions, { flags: '--changed', help: 'only what is not a default' }],
  examples: [
    { command: 'kernelet config show --changed', what: 'what somebody has set' },
    { command: 'kernelet config show -f agent.toml --json | jq .values', what: 'for programs' },
  ],
  async run(call) {
    const loaded = await loadAsServe(call);
    for (const warning of loaded.warnings) await call.screen.note(warning);
    const rows = entries(loaded).filter(({ source }) => source !== 'default' || !call.options.flag('changed'));
    const document = {
      mode: loaded.settings.mode,
      configFile: loaded.settings.configFile,
      values: Object.fromEntries(rows.map(({ key, value, source }) => [key, { value, source }])),
      warnings: loaded.warnings,
    };
    await call.screen.either(document, () =>
      table(
        [{ heading: 'KEY' }, { heading: 'VALUE' }, { heading: 'SOURCE' }],
        rows.map(({ key, value, source }) => [key, JSON.stringify(value), source]),
      ),
    );
    return 0;
  },
} satisfies CliCommand;

interface Entry {
  readonly key: string;
  readonly value: unknown;
  readonly source: SettingSource;
}

function entries({ values, sources }: LoadedSettings): readonly Entry[] {
  return [...values]
    .map(([key, value]): Entry => ({ key, value: shown(value), source: sources.get(key) ?? 'default' }))
    .sort((left, right) => (left.key < right.key ? -1 : 1));
}

/** The whole value, without secrets. */
function shown(value: unknown): unknown {
  const text = JSON.stringify(value ?? null, (name, whole: unknown) => {
    const item = shownItem(name, whole);
    return typeof item === 'string' ? redactText(item) : item;
  });
  return JSON.parse(text);
}
