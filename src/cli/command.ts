/** The form of a command. One file each in `commands/`; adding one is adding a file and its line in the table. */
import type { CliHost } from './host.ts';
import type { Interruption } from './interruption.ts';
import type { OptionReader } from './option-reader.ts';
import type { Screen } from './screen.ts';

/** An option of a command. */
export interface OptionSpec {
  /** `-c, --code <code>`, `--json`. */
  readonly flags: string;
  readonly help: string;
  /** May be given several times. */
  readonly repeat?: boolean;
  readonly choices?: readonly string[];
}

/** How an option is written: `-c` and `--code`. */
export const flagsOf = ({ flags }: OptionSpec): readonly string[] => flags.match(/(?<=^|, )-{1,2}[a-z-]+/gi) ?? [];

/** The name by which an `OptionReader` has it. */
export const optionName = (option: OptionSpec): string => (flagsOf(option).at(-1) ?? '').replace(/^--/, '');

/** An option that a command had once. It is refused, and no help tells of it. */
export interface RetiredOption {
  readonly flags: string;
  /** Why there is no such option, and what to do instead; it follows the flags. */
  readonly refusal: string;
}

/** An example in the help: a command line, and what it shows. */
export interface Example {
  readonly command: string;
  readonly what: string;
}

/** What a command gets when it runs. */
export interface CommandCall {
  readonly host: CliHost;
  readonly screen: Screen;
  readonly options: OptionReader;
  readonly operands: readonly string[];
  /** All commands of the program. */
  readonly table: readonly CommandEntry[];
  /** Whether `--` stood before the operands that follow the first (`exec ID -- CMD`). */
  readonly literal: boolean;
  /**
   * Listens to signals until the command has ended. Whatever the command says after its signal has aborted, it then
   * dies by the signal that ended it.
   */
  listen(): Interruption;
}

/** A command: its help, its options, and what it does. */
export interface CliCommand {
  /** One word, or two for a command of a group: `image ls`. */
  readonly name: string;
  readonly summary: string;
  /** Sentences for its own help. */
  readonly description: string;
  /** In commander's form: `<id>`, `[path]`, `<id...>`. */
  readonly operands: readonly string[];
  /** How help writes the operands, when that says more. */
  readonly usage?: string;
  /**
   * `after-first`: options end at the first operand, and the rest belongs to the program (`run`). `after-second`: the
   * same at the second operand (`exec ID FILE`). Otherwise options stand anywhere.
   */
  readonly passThrough?: 'after-first' | 'after-second';
  readonly options: readonly OptionSpec[];
  readonly retired?: readonly RetiredOption[];
  readonly examples: readonly Example[];
  /** Whether it serves until it is stopped: what ends it is told by the statuses of daemons. */
  readonly isDaemon?: true;
  /** Returns the exit status. Rejects with UsageError or KerneletError. */
  run(call: CommandCall): Promise<number>;
}

/** A command that can be loaded. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<CliCommand>;
}

/** Options that every command takes. */
export const commonOptions: readonly OptionSpec[] = [
  { flags: '--socket <path>', help: 'socket of the API (KERNELET_SOCKET)' },
  { flags: '--state-dir <path>', help: 'folder of all state (KERNELET_STATE_DIR)' },
  { flags: '--json', help: 'machine-readable output: one JSON document on one line' },
];

/** The command line as help writes it, behind the command's name. */
export function usageOf({ operands, usage }: Pick<CliCommand, 'operands' | 'usage'>): string {
  return ['[options]', usage ?? operands.join(' ')].join(' ').trimEnd();
}
