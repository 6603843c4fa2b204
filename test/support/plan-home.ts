/** For tests of runtimes: a home with stand-in tools made of shell, in which plans are carried out as by the runner. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Plan, RuntimeContext } from '../../src/runner/runtime.ts';

/** What a plan came to. */
export interface PlanOutcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A stand-in that prints its name and arguments, one a line, and the content of those that are files. */
export const showsItself = `printf '%s\\n' "\${0##*/}" "$@"
for word in "$@"; do if [ -f "$word" ]; then cat "$word"; fi; done`;

/** The home and the folder of tools. Disposing removes both. */
export class PlanHome implements Disposable {
  readonly home = mkdtempSync(join(tmpdir(), 'kernelet-home-'));
  readonly tools = mkdtempSync(join(tmpdir(), 'kernelet-tools-'));

  /** Writes a file, by default into the home, and gives its path. */
  put(path: string, content: string, folder = this.home): string {
    const full = join(folder, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, content);
    return full;
  }

  /** Makes a tool of a script of the shell, which is on PATH, and gives its path. */
  tool(name: string, script: string): string {
    const path = this.put(name, `#!/bin/sh\n${script}\n`, this.tools);
    chmodSync(path, 0o755);
    return path;
  }

  /** What lies in the home, sorted. */
  get files(): readonly string[] {
    return readdirSync(this.home).sort();
  }

  /** The context of a runtime whose tools are those that were made. */
  context(over: Partial<RuntimeContext> = {}): RuntimeContext {
    let count = 0;
    return {
      tool: null,
      home: this.home,
      environ: { PATH: '/usr/bin:/bin' },
      drivers: '/v/drivers',
      volumeNode: process.execPath,
      volumeShell: '/bin/sh',
      temporaryPath: (ending) => join(this.home, `.kernelet-${++count}${ending}`),
      which: (program) => {
        const path = program.includes('/') ? program : join(this.tools, program);
        return existsSync(path) ? path : null;
      },
      folders: () => [],
      ...over,
    };
  }

  /** Carries a plan out, as the runner does. */
  carryOut(plan: Plan, input = ''): PlanOutcome {
    if (plan.kind === 'nothing') return { status: plan.exitCode, stdout: '', stderr: plan.message };
    const said = { status: 0 as number | null, stdout: '', stderr: '' };
    let left = input;
    for (const step of plan.steps) {
      if (step.do === 'write') this.put(step.path, step.content, '/');
      if (step.do !== 'run') continue;
      const [program = '', ...args] = step.command.argv;
      const env = { ...process.env, PATH: `${this.tools}:/usr/bin:/bin`, ...step.command.environ };
      const done = spawnSync(program, args, { cwd: this.home, env, input: step.main ? left : '', encoding: 'utf8' });
      if (step.main) left = '';
      said.status = done.status;
      said.stdout += done.stdout;
      said.stderr += done.stderr;
      if (done.status !== 0) break;
    }
    for (const step of plan.steps) {
      if (step.do === 'remove-at-end') for (const path of step.paths) rmSync(path, { recursive: true, force: true });
    }
    return said;
  }

  [Symbol.dispose](): void {
    for (const folder of [this.home, this.tools]) rmSync(folder, { recursive: true, force: true });
  }
}
