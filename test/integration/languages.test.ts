/**
 * Every language that has an image, by its real tools: what is tried is a table, whose outcome is a table of
 * `docs/reference/languages.md`. With KERNELET_WRITE_RESULTS=1 the outcome is written down for that page.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LanguageResults, languageChecks, languageResultsFile } from '../../scripts/reference/language-results.ts';
import type { ExecuteRequest } from '../../src/protocol/execute-request.ts';
import { depth } from '../support/depth.ts';
import { type LanguageProgram, languagePrograms } from '../support/language-programs.ts';
import { docker } from '../support/runner-container.ts';
import type { RunResult } from '../support/runner-peer.ts';
import { RunnerSession } from '../support/runner-session.ts';
import { ensureImages } from '../support/test-images.ts';

const depths = ['quick', 'full', 'nightly'];
const present = new Set((await docker('images', '--format', '{{.Repository}}')).split('\n'));
const chosen = languagePrograms.filter(
  ({ image, from }) => present.has(`kernelet/${image}`) || depths.indexOf(from) <= depths.indexOf(depth),
);

const results: Record<string, Record<string, string>> = {};
afterAll(async () => {
  if (process.env['KERNELET_WRITE_RESULTS'] !== '1') return;
  const before: LanguageResults = JSON.parse(await readFile(languageResultsFile, 'utf8').catch(() => '{}'));
  await writeFile(languageResultsFile, `${JSON.stringify({ ...before, ...results }, null, 2)}\n`);
});

/** One kernel of the language, with its program in the home, and how it is told what to do. */
class Trial {
  readonly #session: RunnerSession;
  readonly #language: LanguageProgram;

  constructor(session: RunnerSession, language: LanguageProgram) {
    this.#session = session;
    this.#language = language;
  }

  /** Carries a request out; each question is answered with the next line, and then with the end of the input. */
  async run(request: ExecuteRequest, lines: readonly string[], interruptAt?: string): Promise<RunResult> {
    const run = this.#session.nextRun();
    const left = [...lines];
    let said = '';
    let isInterrupted = false;
    return await this.#session.peer.run(run, request, ({ event, body }) => {
      if (event.kind === 'waiting-input') {
        void this.#session.peer.request('input', { run, text: left.shift() ?? null });
      }
      if (event.kind === 'stdout') said += Buffer.from(body).toString();
      if (interruptAt === undefined || isInterrupted || !said.includes(interruptAt)) return;
      isInterrupted = true;
      void this.#session.peer.request('interrupt', { run });
    });
  }

  /** Runs what is built, by `exec` of a batch. */
  exec(lines: readonly string[], options: { interruptAt?: string; timeoutMs?: number } = {}): Promise<RunResult> {
    const { interruptAt, timeoutMs = 60_000 } = options;
    return this.run({ mode: 'batch', clean: null, build: null, exec: '*', timeoutMs }, lines, interruptAt);
  }

  /** All steps of a batch. */
  batch(lines: readonly string[] = []): Promise<RunResult> {
    return this.run({ mode: 'batch', clean: '*', build: '*', exec: '*', timeoutMs: 120_000 }, lines);
  }

  async put(file: string, text: string): Promise<void> {
    await writeFile(join(this.#session.container.home, file), text);
  }

  async read(file: string): Promise<string> {
    return await readFile(join(this.#session.container.home, file), 'utf8');
  }

  query(): Promise<RunResult> {
    const { query, program } = this.#language;
    const request = { mode: 'query', code: query?.[0] ?? program, timeoutMs: 120_000 } as const;
    return this.run(request, ['say é 🎉']);
  }

  /** As `kernelet run FILE` does it. */
  async program(): Promise<RunResult> {
    const run = this.#session.nextRun();
    const source = { from: 'file', path: this.#language.file } as const;
    const request = { mode: 'program', source, args: [], timeoutMs: 120_000 } as const;
    const done = this.#session.peer.run(run, request);
    await this.#session.peer.request('stdin', { run, eof: true }, Buffer.from('say é 🎉\nfail\n'));
    return await done;
  }
}

describe.each(chosen)('$type', (language) => {
  let session: RunnerSession;
  let trial: Trial;
  beforeAll(async () => {
    ensureImages([language.image]);
    session = await RunnerSession.start(language.type, `kernelet/${language.image}`);
    trial = new Trial(session, language);
    await trial.put(language.file, language.program);
    results[language.type] = Object.fromEntries(languageChecks.map((check) => [check, '']));
  }, 900_000);
  afterAll(() => session[Symbol.asyncDispose]());

  /** One check, whose outcome is kept. */
  const check = (name: (typeof languageChecks)[number], body: () => Promise<void>): void => {
    it(`: ${name}`, { timeout: 180_000 }, async () => {
      await body();
      Object.assign(results[language.type] ?? {}, { [name]: 'yes' });
    });
  };

  check('query', async () => {
    const told = await trial.query();
    expect(told).toMatchObject({ stdout: language.query?.[1] ?? 'said é 🎉\n', stderr: '', exitCode: 0 });
  });

  check('run', async () => {
    expect(await trial.program()).toMatchObject({ stdout: 'said é 🎉\n', exitCode: 4 });
  });

  if (language.wrong !== null) {
    check('build failure', async () => {
      await trial.put(language.file, language.wrong ?? '');
      const told = await trial.batch();
      await trial.put(language.file, language.program);
      const built = told.events.find(({ event }) => event.kind === 'build-finished');
      expect(built?.event).toMatchObject({ exitCode: expect.toSatisfy((status) => status !== 0 && status !== 127) });
      expect(told).toMatchObject({ exitCode: 127, stdout: expect.not.stringContaining('said') });
      expect(told.stdout + told.stderr).toContain('nowhere');
    });
  }

  check('batch', async () => {
    const told = await trial.batch(['say hello']);
    expect(told).toMatchObject({ exitCode: 0, reason: 'exited' });
    // GHC says what it compiles.
    expect(told.stdout).toMatch(/(^|\n)said hello\n$/);
    const ends = told.kinds.filter((kind) => kind.endsWith('finished'));
    expect(ends).toEqual(['clean-finished', 'build-finished', 'finished']);
  });

  check('input', async () => {
    const told = await trial.exec(['say one', 'say two', 'say three']);
    expect(told).toMatchObject({ stdout: 'said one\nsaid two\nsaid three\n', exitCode: 0 });
    expect(told.kinds.filter((kind) => kind === 'waiting-input')).toHaveLength(4);
  });

  check('exec failure', async () => {
    expect(await trial.exec(['say before', 'fail', 'say after'])).toMatchObject({
      stdout: 'said before\n',
      exitCode: 4,
    });
  });

  check('unicode', async () => {
    const text = 'é 🎉 日本語 \u202eعربي';
    expect(await trial.exec([`say ${text}`])).toMatchObject({ stdout: `said ${text}\n`, exitCode: 0 });
  });

  check('files', async () => {
    await trial.put('in.txt', 'in and out: é\n');
    expect(await trial.exec(['copy'])).toMatchObject({ exitCode: 0 });
    expect(await trial.read('out.txt')).toBe('in and out: é\n');
  });

  check('interrupt', async () => {
    const told = await trial.exec(['on'], { interruptAt: 'on' });
    expect(told.reason).not.toBe('time-limit');
    expect(told.exitCode).not.toBe(0);
  });

  check('time limit', async () => {
    expect(await trial.exec(['on'], { timeoutMs: 5000 })).toMatchObject({ reason: 'time-limit', exitCode: -9 });
  });
});
