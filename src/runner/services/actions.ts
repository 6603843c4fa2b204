/**
 * Carries out the actions before a service's start (spec kernel-runner 12.3), all of them by processes of the tenant's:
 * the runner is root and writes nothing for an image.
 */
import type { Clock } from '../../lib/clock.ts';
import type { Tenant } from '../tenant.ts';
import { InputWriter } from '../tenant-streams.ts';
import { volumePaths } from '../volume-paths.ts';
import type { Action } from './definition.ts';
import { expandTemplate, expandTemplates, type TemplateValue, type TemplateVariables } from './template.ts';

const actionTimeoutMs = 60_000;
const maxOutputBytes = 64 * 1024;
const write = 'cat >"$1" && chmod "$2" "$1"';
const append = 'cat >>"$1" && chmod "$2" "$1"';

/** What actions need of the runner. */
export interface ActionParts {
  readonly tenant: Tenant;
  readonly clock: Clock;
  /** An unused path in a folder where the tenant may write, with this ending. */
  temporaryPath(ending: string): string;
}

/** Does them in order; each result is the variable that its `ref` names, also for the actions after it. */
export async function runActions(
  actions: readonly Action[],
  initial: TemplateVariables,
  parts: ActionParts,
): Promise<TemplateVariables> {
  const variables = new Map(initial);
  for (const action of actions) {
    const result = await runAction(action, variables, parts);
    if (action.ref !== null) variables.set(action.ref, result);
  }
  return variables;
}

async function runAction(action: Action, variables: TemplateVariables, parts: ActionParts): Promise<TemplateValue> {
  const expand = (template: string): string => expandTemplate(template, variables);
  const expandAll = (templates: readonly string[]): readonly string[] => expandTemplates(templates, variables);
  const { shell } = volumePaths;
  switch (action.do) {
    case 'write_file': {
      const content = expandAll(action.body)
        .map((line) => `${line}\n`)
        .join('');
      const script = action.append ? append : write;
      await runOrThrow([shell, '-c', script, 'kernelet', expand(action.filename), action.mode], content, parts);
      return null;
    }
    case 'write_tempfile': {
      const path = parts.temporaryPath('.py');
      await runOrThrow([shell, '-c', write, 'kernelet', path, action.mode], expandAll(action.body).join(''), parts);
      return path;
    }
    case 'mkdir':
      await runOrThrow([volumePaths.busybox, 'mkdir', '-p', '--', expand(action.path)], '', parts);
      return null;
    case 'run_command': {
      const { out, err } = await run(expandAll(action.command), '', parts);
      if (action.echo) parts.tenant.log.copy(Buffer.from(out + err));
      return { out, err };
    }
    case 'log':
      parts.tenant.log.line(action.debug ? 'DEBUG' : 'INFO', expand(action.message));
      return null;
  }
}

/** Throws when the command fails. */
async function runOrThrow(argv: readonly string[], input: string, parts: ActionParts): Promise<void> {
  const { exitCode, err } = await run(argv, input, parts);
  if (exitCode !== 0) throw new Error(`an action before the start failed: ${err.trim() || `status ${exitCode}`}`);
}

async function run(argv: readonly string[], input: string, { tenant, clock }: ActionParts) {
  const ends = await tenant.pipes.takeForInput();
  using stdin = new InputWriter(ends.ours);
  const [out, err] = [new BoundedText(), new BoundedText()];
  const running = await tenant.run(
    { argv },
    { stdin: ends.theirs, stdout: (bytes) => out.add(bytes), stderr: (bytes) => err.add(bytes) },
  );
  using _timer = clock.after(actionTimeoutMs, () => void running.signal('SIGKILL'));
  void stdin.write(Buffer.from(input)).then(() => stdin.end());
  const { exitCode, notStarted } = await running.exited;
  running.stdout.drain();
  running.stderr.drain();
  tenant.adopt(running);
  return { exitCode, out: out.text, err: notStarted ?? err.text };
}

/** Output as far as it is kept. */
class BoundedText {
  readonly #pieces: Uint8Array[] = [];
  #size = 0;

  add(bytes: Uint8Array): true {
    if (this.#size < maxOutputBytes) this.#pieces.push(bytes);
    this.#size += bytes.length;
    return true;
  }

  get text(): string {
    return Buffer.concat(this.#pieces).toString('utf8');
  }
}
