/** `kernelet config show`: the effective configuration with the source of each value. */
import type { LoadedSettings, SettingSource } from '../../config/settings.ts';
import { redact } from '../../lib/redaction.ts';
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
    await call.screen.either(plain(document), () =>
      table(
        [{ heading: 'KEY' }, { heading: 'VALUE' }, { heading: 'SOURCE' }],
        rows.map(({ key, value, source }) => [key, JSON.stringify(plain(value)) ?? '', source]),
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
    .map(([key, value]): Entry => ({ key, value: redact(value), source: sources.get(key) ?? 'default' }))
    .sort((left, right) => (left.key < right.key ? -1 : 1));
}

/** Integers of TOML may be bigints, which JSON does not know. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value ?? null, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item)),
  );
}
