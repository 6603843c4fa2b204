/**
 * The image's service definitions: `NAME.json` in `containerPaths.serviceDefinitions` (spec kernel-runner 12). What cannot be
 * used is told and passed over: a damaged file costs its service and nothing else.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { DefinitionError, parseDefinition, type ServiceDefinition } from './definition.ts';

const maxFiles = 256;
const maxFile = 256 * 1024;

/**
 * Reads all definitions of a folder by the names of their services. Call it with the tenant's ids: what root alone may
 * read is no definition.
 */
export function readDefinitions(
  folder: string,
  problem: (text: string) => void,
): ReadonlyMap<string, ServiceDefinition> {
  const found = new Map<string, ServiceDefinition>();
  for (const file of filesOf(folder)) {
    const name = file.slice(0, -'.json'.length);
    try {
      found.set(name, parseDefinition(readWhole(`${folder}/${file}`)));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      problem(`the service definition ${JSON.stringify(file.slice(0, 80))} was passed over: ${why}`);
    }
  }
  return found;
}

function filesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((file) => file.endsWith('.json'))
      .sort()
      .slice(0, maxFiles);
  } catch {
    return [];
  }
}

/** A pipe or a device in the place of a file must not hold the runner, and a huge file not fill it. */
function readWhole(path: string): string {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const facts = fstatSync(descriptor);
    if (!facts.isFile()) throw new DefinitionError('it is not a file');
    const bytes = Buffer.alloc(maxFile + 1);
    let size = 0;
    for (let taken = -1; taken !== 0 && size < bytes.length; size += taken) {
      taken = readSync(descriptor, bytes, size, bytes.length - size, null);
    }
    if (size > maxFile) throw new DefinitionError(`it has more than ${maxFile} bytes`);
    return bytes.toString('utf8', 0, size);
  } finally {
    closeSync(descriptor);
  }
}
