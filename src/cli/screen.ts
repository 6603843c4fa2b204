/**
 * What a command says. Results go to standard output, everything else to standard error; with `--json` only documents
 * go to standard output. Colours only on a terminal.
 */
import { styleText } from 'node:util';
import type { CliIo } from './host.ts';

/** A style of `util.styleText`. */
export type Style = Parameters<typeof styleText>[0];

/** Output of one command. */
export class Screen {
  readonly io: CliIo;
  /** Whether `--json` was given. */
  json: boolean;

  constructor(io: CliIo, json: boolean) {
    this.io = io;
    this.json = json;
  }

  /** A result for people; nothing with `--json`. */
  async result(text: string): Promise<void> {
    if (!this.json) await this.io.stdout.write(text);
  }

  /** A document on one line, with `--json`. */
  async document(document: unknown): Promise<void> {
    if (this.json) await this.io.stdout.write(`${JSON.stringify(document)}\n`);
  }

  /** A result as a document or, without `--json`, as text. */
  async either(document: unknown, text: () => string): Promise<void> {
    if (this.json) await this.document(document);
    else await this.io.stdout.write(text());
  }

  /** A line on standard error: `kernelet: …`. Errors of writing it are of no interest. */
  async note(text: string): Promise<void> {
    await this.io.stderr.write(`${this.style('dim', 'kernelet:')} ${text}\n`).catch(() => {});
  }

  /** Text on standard error in a style, when that is a terminal. */
  style(style: Style, text: string): string {
    return this.#styled(this.io.stderr.isTerminal, style, text);
  }

  /** Text on standard output in a style, when that is a terminal. */
  resultStyle(style: Style, text: string): string {
    return this.#styled(this.io.stdout.isTerminal, style, text);
  }

  #styled(terminal: boolean, style: Style, text: string): string {
    const { NO_COLOR: noColor, TERM: term } = this.io.environ;
    if (!terminal || (noColor !== undefined && noColor !== '') || term === 'dumb') return text;
    return styleText(style, text, { validateStream: false });
  }
}
