/** The terminal of a run: opened as the tenant, whose it then is, for a program that is started like every other. */
import type { TerminalSize } from '../../protocol/terminal-size.ts';
import { asTenant } from '../as-tenant.ts';
import { programOf } from '../limited-command.ts';
import type { TenantCommand } from '../runtime.ts';
import type { Tenant } from '../tenant.ts';
import { neverStarted, type TenantProcess } from '../tenant-process.ts';
import { volumePaths } from '../volume-paths.ts';
import { Pty } from './pty.ts';
import { onTerminal } from './terminal-command.ts';

/** What a program finds that nobody has told what shows its output. */
const usualTerminal = 'xterm-256color';

/** One terminal. Disposing hangs it up. */
export class TenantTerminal implements Disposable {
  readonly #tenant: Tenant;
  readonly #pty: Pty;

  /** Throws INTERNAL when no terminal can be had. */
  constructor(tenant: Tenant, size: TerminalSize, onOutput: (bytes: Uint8Array) => void) {
    this.#tenant = tenant;
    this.#pty = asTenant(
      tenant,
      () =>
        new Pty(size, (bytes) => {
          onOutput(bytes);
          return true;
        }),
    );
  }

  /** Starts a program on it. Never throws: what goes wrong is in `exited`. */
  start(command: TenantCommand): TenantProcess {
    const environ = { TERM: usualTerminal, ...command.environ };
    const [name = '', ...args] = command.argv;
    const program = programOf(this.#tenant, command);
    if (program === null) return neverStarted({ exitCode: 127, notStarted: `${name}: not found` });
    const argv = onTerminal(volumePaths.shell, this.#pty.path, [program, ...args]);
    return this.#tenant.spawn({ ...command, argv, environ }, 'ignore');
  }

  /** Types. Resolves when the terminal has taken the bytes, or with false when it has ended. */
  write(bytes: Uint8Array): Promise<boolean> {
    return this.#pty.write(bytes);
  }

  resize(size: TerminalSize): void {
    this.#pty.resize(size);
  }

  /** Delivers what has been printed up to this instant. */
  drain(): void {
    this.#pty.drain();
  }

  [Symbol.dispose](): void {
    this.#pty[Symbol.dispose]();
  }
}
