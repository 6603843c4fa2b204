/** What a kernel's runner can be asked to execute, in four modes. */
import { mainContext } from './kernel-contexts.ts';

/** Where a program comes from. `path` is below the kernel's home. */
export type ProgramSource =
  | { readonly from: 'code'; readonly code: string }
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'stdin' };

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
  | {
      readonly mode: 'program';
      readonly source: ProgramSource;
      readonly args: readonly string[];
      readonly timeoutMs: number | null;
    }
  /** A command of the image; standard input is streamed. */
  | { readonly mode: 'command'; readonly argv: readonly string[]; readonly timeoutMs: number | null };

/** The context in whose order a request is run; null: a program or command, which waits for nobody. */
export function contextOf(request: ExecuteRequest): string | null {
  if (request.mode === 'query') return request.context ?? mainContext;
  return request.mode === 'batch' ? mainContext : null;
}
