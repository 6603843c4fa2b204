/** What a kernel's runner can be asked to execute, in four modes. */
import { mainContext } from './kernel-contexts.ts';
import type { RunLimits } from './run-limits.ts';
import type { TerminalSize } from './terminal-size.ts';

/** Where a program comes from. `path` is below the kernel's home. */
export type ProgramSource =
  | { readonly from: 'code'; readonly code: string }
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'stdin' };

/** What a program or command may have beside what it runs. */
export interface ProcessOptions {
  /** By which it is known beside its id; unique among the runs that have not ended. */
  readonly name?: string | undefined;
  /** The folder in which it runs, from the home on; the home when absent. */
  readonly cwd?: string | undefined;
  /** Added to the variables of the kernel. */
  readonly environ?: Readonly<Record<string, string>> | undefined;
  /** `closed`: its standard input is empty; `stream`, when absent: it is sent, and ends when that is said. */
  readonly stdin?: 'stream' | 'closed' | undefined;
  /**
   * While nobody reads a full buffer: `wait`, when absent, and it has one reader; or `newest`, which drops the oldest, and any
   * number of readers begin where they like.
   */
  readonly output?: 'wait' | 'newest' | undefined;
  /** Its standard streams are a terminal that begins with this size; its output is kept as by `newest`. */
  readonly tty?: TerminalSize | undefined;
  /** Of the program itself; what builds it has none. */
  readonly limits?: RunLimits | undefined;
}

/** One execution; `timeoutMs` null: without a time limit. */
export type ExecuteRequest =
  /** Notebook semantics: its context, `main` when absent, keeps state between queries; the last value is shown. */
  | {
      readonly mode: 'query';
      readonly code: string;
      readonly context?: string | undefined;
      readonly timeoutMs: number | null;
    }
  /**
   * Clean, build, exec: each `null` (nothing), `*` (the runtime's own way), or a shell command. Always ends with the
   * three finish events in this order (spec kernel-runner 8.2).
   */
  | {
      readonly mode: 'batch';
      readonly clean: string | null;
      readonly build: string | null;
      readonly exec: string | null;
      readonly timeoutMs: number | null;
    }
  /** Like the language's own command: `python3 FILE ARGS`, `gcc FILE && ./a.out ARGS`; standard input is streamed. */
  | (ProcessOptions & {
      readonly mode: 'program';
      readonly source: ProgramSource;
      readonly args: readonly string[];
      readonly timeoutMs: number | null;
    })
  /** A command of the image; standard input is streamed. */
  | (ProcessOptions & {
      readonly mode: 'command';
      readonly argv: readonly string[];
      readonly timeoutMs: number | null;
    });

/** The context in whose order a request is run; null: a program or command, which waits for nobody. */
export function contextOf(request: ExecuteRequest): string | null {
  if (request.mode === 'query') return request.context ?? mainContext;
  return request.mode === 'batch' ? mainContext : null;
}
