/**
 * The script of an image, run before the runner by a process of its own, which has capabilities that the runner shall
 * not have (spec kernel-runner 4). What it leaves behind, the environment and a word of what went wrong, lies where the
 * runner reads it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { systemClock } from '../lib/clock.ts';
import { isSystemError } from '../lib/system-error.ts';
import { containerPaths } from '../protocol/image-contract.ts';
import { runImageBootstrap } from './bootstrap.ts';
import { parseEnvironment, parseRunnerConfig } from './config.ts';

const environPath = `${containerPaths.run}/environ`;
const problemPath = `${containerPaths.run}/image-script-problem`;
const secretMode = 0o600;

/** Runs it, and writes down what it leaves. Throws when `runner.json` cannot be used. */
export async function runImageScript(): Promise<void> {
  const { user } = parseRunnerConfig(readFileSync(containerPaths.config, 'utf8'));
  // The entry's own would keep what the script makes from everybody else.
  process.umask(0o022);
  const problems: string[] = [];
  const problem = (text: string): void => void problems.push(text);
  const left = await runImageBootstrap(readContainerEnvironment(), user, {
    output: 'inherit',
    clock: systemClock,
    problem,
  });
  writeFileSync(environPath, [...left].map(([name, value]) => `${name}=${value}\0`).join(''), { mode: secretMode });
  if (problems.length > 0) writeFileSync(problemPath, problems.join('; '), { mode: secretMode });
}

/** The environment of the container, as the entry or the script left it. */
export function readContainerEnvironment(): ReadonlyMap<string, string> {
  return parseEnvironment(readIfPresent(environPath));
}

/** What went wrong with the script; empty when nothing did. */
export function imageScriptProblem(): string {
  return readIfPresent(problemPath);
}

function readIfPresent(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return '';
    throw error;
  }
}
