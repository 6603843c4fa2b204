/** What the tour looks like on a terminal and in a log. */
import { styleText } from 'node:util';

const terminal = process.stdout.isTTY === true;
const style = (form: Parameters<typeof styleText>[0], text: string): string =>
  terminal ? styleText(form, text) : text;

/** Milliseconds as people say them. */
export function spoken(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

/** The heading of a step. */
export function heading(number: number, title: string): void {
  process.stdout.write(`\n${style(['bold', 'cyan'], `${number}. ${title}`)}\n`);
}

export function explain(text: string): void {
  process.stdout.write(`   ${text}\n`);
}

/** The command that is about to be run, as a user would type it. */
export function command(text: string): void {
  process.stdout.write(`   ${style('green', '$')} ${style('bold', text)}\n`);
}

export function output(text: string): void {
  for (const line of text.replace(/\n$/, '').split('\n')) process.stdout.write(`   ${style('dim', '│')} ${line}\n`);
}

/** The time of a step. */
export function took(ms: number): void {
  process.stdout.write(`   ${style('yellow', `(${spoken(ms)})`)}\n`);
}

/** A row of the summary. */
export function row(name: string, value: string): void {
  process.stdout.write(`   ${name.padEnd(44)} ${style('bold', value)}\n`);
}
