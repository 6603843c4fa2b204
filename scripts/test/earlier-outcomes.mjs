// What came of the parts of a run that was cut off, so that `--resume` begins with the first that is missing.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** @typedef {import('./run-part.mjs').Outcome} Outcome */

const folder = path.join('.cache', 'test-outcomes');

/**
 * Changes with any file that git knows or would be asked to add: outcomes of other sources say nothing of these. Null
 * where the sources are no checkout.
 */
export function digestOfSources(cwd = process.cwd()) {
  try {
    return digestByGit(cwd);
  } catch {
    return null;
  }
}

function digestByGit(cwd) {
  const git = (...args) =>
    execFileSync('git', args, { cwd, stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 256 << 20 });
  const hash = createHash('sha256');
  hash.update(git('rev-parse', 'HEAD'));
  hash.update(git('diff', '--no-ext-diff', '--binary', 'HEAD'));
  for (const name of git('ls-files', '--others', '--exclude-standard', '-z').toString().split('\0').filter(Boolean))
    hash.update(name).update(git('hash-object', '--', name));
  return hash.digest('hex');
}

/** Outcomes of parts of one depth and one state of the sources, each written as soon as its part has ended. */
export class EarlierOutcomes {
  #file;
  #sources;
  /** @type {Map<string, Outcome>} */
  #outcomes = new Map();

  /** @param {{ depth: string, cwd?: string }} options */
  constructor({ depth, cwd = process.cwd() }) {
    this.#file = path.join(cwd, folder, `${depth}.json`);
    this.#sources = digestOfSources(cwd);
  }

  /** False where it cannot be told of which sources an outcome is. */
  get isKept() {
    return this.#sources !== null;
  }

  /** Reads what an earlier run kept; of other sources nothing is taken. */
  async load() {
    const text = await readFile(this.#file, 'utf8').catch(() => null);
    const { sources, outcomes } = text === null ? {} : JSON.parse(text);
    if (this.isKept && sources === this.#sources)
      this.#outcomes = new Map(outcomes.map((outcome) => [outcome.name, outcome]));
  }

  /** What came of a part, or null when it is to be run: it was not, it failed, or none of its tests ran. */
  passed(name) {
    const outcome = this.#outcomes.get(name);
    return outcome && outcome.failed === 0 && outcome.passed > 0 ? outcome : null;
  }

  /**
   * In one go, since parts that run side by side may end together.
   *
   * @param {Outcome} outcome
   */
  keep(outcome) {
    if (!this.isKept) return;
    this.#outcomes.set(outcome.name, outcome);
    mkdirSync(path.dirname(this.#file), { recursive: true });
    const text = JSON.stringify({ sources: this.#sources, outcomes: [...this.#outcomes.values()] });
    writeFileSync(`${this.#file}.new`, text);
    renameSync(`${this.#file}.new`, this.#file);
  }
}
