/** The form of every refusal: one error with code, object and cure, a status that says so, and no stack trace. */
import { expect } from 'vitest';
import { errorCodes } from '../../src/lib/error-codes.ts';
import type { CommandOptions, Outcome } from './command.ts';
import type { ApiReply } from './local-api.ts';
import type { NodeUnderTest } from './node-under-test.ts';

/** A refusal of the command line. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** What a stack trace looks like, whoever printed it. */
const stackTrace = /^\s+at .*(\(|:\d+:\d+)|node:internal|\bfile:\/\/\S+\.[jt]s:\d+/m;

function errorOf(document: unknown): Readonly<Record<string, unknown>> {
  const error = typeof document === 'object' && document !== null && 'error' in document ? document.error : null;
  return typeof error === 'object' && error !== null ? { ...error } : {};
}

function checkDocument(document: unknown): { code: string; message: string } {
  const { code, message, cure } = errorOf(document);
  expect(Object.keys(errorCodes)).toContain(code);
  expect(String(message ?? '').trim()).not.toBe('');
  expect(String(cure ?? '').trim()).not.toBe('');
  return { code: String(code), message: String(message) };
}

/** Checks that a command ended with exactly one error in the form of `--json`, and returns it. */
export function refusalOf(outcome: Outcome): Refusal {
  const shown = `${outcome.text.slice(0, 2000)}\n${outcome.stderr.slice(0, 2000)}`;
  expect([shown, outcome.status === 0]).toEqual([shown, false]);
  expect(shown).not.toMatch(stackTrace);
  expect(outcome.text.endsWith('\n')).toBe(true);
  const lines = outcome.text.trimEnd().split('\n');
  expect(lines).toHaveLength(1);
  const { code, message } = checkDocument(JSON.parse(lines[0] ?? ''));
  expect(outcome.stderr).toContain(message.split('\n')[0]);
  return { status: outcome.status, code, message };
}

/** Runs a command with `--json` that must be refused. */
export async function refused(
  node: NodeUnderTest,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<Refusal> {
  return refusalOf(await node.run(['--json', ...args], options));
}

/** Checks that the API refused with the status that belongs to the error's code, and returns `CODE: message`. */
export function apiRefusalOf(reply: ApiReply): string {
  expect(reply.text).not.toMatch(stackTrace);
  const { code, message } = checkDocument(reply.document);
  const entry = Object.entries(errorCodes).find(([name]) => name === code)?.[1];
  expect([message, reply.status]).toEqual([message, entry?.httpStatus]);
  expect(reply.status).toBeGreaterThanOrEqual(400);
  return `${code}: ${message}`;
}
