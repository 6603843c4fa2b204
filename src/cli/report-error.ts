/** An error as people and programs see it: what and what to do, never a stack trace. */
import { toKerneletError } from '../lib/errors.ts';
import { redactText } from '../lib/redaction.ts';
import { printableLines } from '../lib/terminal-text.ts';
import { exitStatus } from './exit-status.ts';
import { UsageError } from './option-reader.ts';
import type { Screen } from './screen.ts';

/** Says what went wrong, with `--json` as a document too, and returns the exit status. `help`: the cure of misuse. */
export async function reportError(screen: Screen, thrown: unknown, help: string): Promise<number> {
  try {
    await screen.document({ error: describe(thrown, help).document });
  } catch {
    // Nobody reads it.
  }
  return await sayError(screen, thrown, help);
}

/** The document of anything thrown. */
export const errorDocument = (thrown: unknown): object => describe(thrown).document;

/** Says what went wrong to people only, and returns the exit status. */
export async function sayError(screen: Screen, thrown: unknown, help?: string): Promise<number> {
  const { document, status } = describe(thrown, help);
  try {
    const label = screen.style('red', 'kernelet:');
    const text = printableLines(document.message);
    await screen.io.stderr.write(`${label} ${text}\n${screen.style('dim', printableLines(document.cure))}\n`);
  } catch {
    // Nobody reads it.
  }
  return status;
}

/** Options by the fields of the API's requests that they become. */
const optionOfField: ReadonlyMap<string, string> = new Map([
  ['accelerators', '--accelerator'],
  ['bitsPerSecond', '--bandwidth'],
  ['cpus', '--cpus'],
  ['cwd', '--workdir'],
  ['environ', '--env'],
  ['homeBytes', '--disk'],
  ['id', '--id'],
  ['idleTimeoutMs', '--idle-timeout'],
  ['onIdle', '--on-idle'],
  ['ttlMs', '--ttl'],
  ['image', '--image'],
  ['labels', '--label'],
  ['memoryBytes', '--mem'],
  ['mounts', '--mount'],
  ['name', '--name'],
  ['ociRuntime', '--runtime'],
  ['processes', '--processes'],
  ['publish', '--publish'],
  ['timeoutMs', '--timeout'],
]);

/** The API names a field of its request in what it refuses; people have given an option. */
const forPeople = (message: string): string =>
  message.replace(/^body\.(?:request\.)?(\w+)(?:\.([^:]*))?/, (whole: string, field: string, key?: string) => {
    const option = optionOfField.get(field);
    if (option === undefined) return whole;
    return key === undefined ? option : `${option} ${key}`;
  });

const generalHelp = '`kernelet COMMAND --help` shows how.';

function describe(
  thrown: unknown,
  help = generalHelp,
): { document: { code: string; message: string; cure: string }; status: number } {
  if (thrown instanceof UsageError) {
    const cure = thrown.cure ?? help;
    return {
      document: { code: 'INVALID_ARGUMENT', message: redactText(thrown.message), cure },
      status: exitStatus.usage,
    };
  }
  const error = toKerneletError(thrown);
  const status = error.code === 'INVALID_ARGUMENT' ? exitStatus.usage : exitStatus.failure;
  const document = error.toDocument();
  return { document: { ...document, message: forPeople(document.message) }, status };
}
