/**
 * The scaling group in the configuration file, which a manager may change (spec config-and-ops 10, rpc 8.2). Where the file
 * cannot be written, as in a read-only image, the change is kept beside the state, until somebody edits the file.
 */
import { readFile, realpath, stat } from 'node:fs/promises';
import { withTomlText } from '../../config/toml.ts';
import { removeFileDurably, writeFileAtomic } from '../../lib/atomic-file.ts';
import { KerneletError } from '../../lib/errors.ts';
import { object, readOrNull, text } from '../../lib/json-reader.ts';
import type { Logger } from '../../lib/log.ts';

/** A change that is not in the file. */
interface Override {
  /** What the file says; when it says something else, somebody has edited it since. */
  readonly replaces: string;
  readonly group: string;
}

const readOverride = object<Override>((field) => ({ replaces: field('replaces', text), group: field('group', text) }));

const place = { table: 'agent', keys: ['scaling-group', 'initial-resource-group-name'] };

/** The scaling group of one node. */
export class ScalingGroupFile {
  readonly #configFile: string | null;
  readonly #overrideFile: string;
  readonly #log: Logger;
  #configured = '';

  /** `overrideFile`: where a change is kept that the configuration file does not take. */
  constructor(configFile: string | null, overrideFile: string, log: Logger) {
    this.#configFile = configFile;
    this.#overrideFile = overrideFile;
    this.#log = log;
  }

  /** The group of the node, given what its configuration says. Throws STATE_UNUSABLE. */
  async inForce(configured: string): Promise<string> {
    this.#configured = configured;
    const override = await this.#override();
    if (override === null) return configured;
    if (override.replaces === configured) return override.group;
    await removeFileDurably(this.#overrideFile);
    return configured;
  }

  /** Changes the group for good. Throws STATE_UNUSABLE when neither place can be written. */
  async set(group: string): Promise<void> {
    try {
      await this.#edit(group);
      await removeFileDurably(this.#overrideFile);
      this.#configured = group;
    } catch (error) {
      this.#log.warn(
        'the scaling group could not be changed in the configuration file; it is kept in the state folder',
        {
          file: this.#configFile,
          error,
        },
      );
      const override: Override = { replaces: this.#configured, group };
      await writeFileAtomic(this.#overrideFile, `${JSON.stringify(override)}\n`);
    }
  }

  async #edit(group: string): Promise<void> {
    if (this.#configFile === null) throw new KerneletError('INVALID_CONFIG', 'no configuration file was read');
    const file = await realpath(this.#configFile);
    const { mode, uid, gid } = await stat(file);
    const source = await readFile(file, 'utf8');
    const edited = withTomlText(source, place, group, file);
    if (edited === null) {
      throw new KerneletError('INVALID_CONFIG', `${file}: agent.scaling-group stands where it cannot be changed`);
    }
    const same = { mode: mode & 0o7777, owner: { uid, gid } };
    await writeFileAtomic(`${file}.bak`, source, same);
    await writeFileAtomic(file, edited, same);
  }

  async #override(): Promise<Override | null> {
    const json = await readFile(this.#overrideFile, 'utf8').catch(() => null);
    return json === null ? null : readOrNull(readOverride, json);
  }
}
