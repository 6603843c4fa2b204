/** The configuration of a daemon: read at the start, completed by its cluster, and read again when somebody asks. */

import type { ClusterOverrides } from '../config/cluster-overrides.ts';
import { type LoadOptions, loadSettings } from '../config/load.ts';
import { changedKeys } from '../config/resolve.ts';
import type { LoadedSettings } from '../config/settings.ts';
import { withDeadline } from '../lib/deadline.ts';

/** Files of the configuration may lie on a server that hangs. */
const readMs = 10_000;

/** What the daemon goes by, and how it is read again with the same flags and environment. */
export class LiveConfiguration {
  readonly #options: LoadOptions;
  /** What the daemon has been built with. */
  #inForce: LoadedSettings;
  #cluster: ClusterOverrides = {};

  private constructor(options: LoadOptions, inForce: LoadedSettings) {
    this.#options = options;
    this.#inForce = inForce;
  }

  /** Reads it for the first time. Throws INVALID_CONFIG. */
  static async read(options: LoadOptions): Promise<LiveConfiguration> {
    return new LiveConfiguration(options, await loadSettings(options));
  }

  get inForce(): LoadedSettings {
    return this.#inForce;
  }

  /** The same with what the cluster sets, which is in force then; the warnings are those that come by it. */
  async withCluster(cluster: ClusterOverrides): Promise<Pick<LoadedSettings, 'settings' | 'warnings'>> {
    const { warnings: known } = this.#inForce;
    this.#cluster = cluster;
    this.#inForce = await loadSettings({ ...this.#options, cluster });
    const { settings, warnings } = this.#inForce;
    return { settings, warnings: warnings.filter((warning) => !known.includes(warning)) };
  }

  /**
   * Reads the same file again. `changed`: keys that mean something else than what is in force. Throws INVALID_CONFIG,
   * DEADLINE_EXCEEDED.
   */
  async again(): Promise<{ readonly loaded: LoadedSettings; readonly changed: readonly string[] }> {
    const flags = { ...this.#options.flags };
    const { configFile } = this.#inForce.settings;
    if (configFile !== null) flags.configFile = configFile;
    const loaded = await withDeadline({ what: 'reading the configuration', timeoutMs: readMs }, () =>
      loadSettings({ ...this.#options, flags, cluster: this.#cluster }),
    );
    return { loaded, changed: changedKeys(this.#inForce, loaded) };
  }
}
