/**
 * The configuration of a daemon: read at the start, completed by its cluster, and read again while the daemon goes on (spec
 * config-and-ops 11.2). What can count at once does, what cannot is named, and a file that is refused changes nothing.
 */
import type { ServedNode } from '../agent/node.ts';
import type { ClusterOverrides } from '../config/cluster-overrides.ts';
import { changedKeys, type LoadOptions, loadSettings } from '../config/load.ts';
import type { LoadedSettings } from '../config/settings.ts';
import { withDeadline } from '../lib/deadline.ts';
import { toKerneletError } from '../lib/errors.ts';
import type { AdjustableLogger } from '../lib/log.ts';
import { CoalescedTask } from '../lib/single-flight.ts';
import type { ServiceManager } from './systemd.ts';

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

/** Keys by which the log is made. */
const logKeys = ['logging.level', 'debug.enabled'];

/** The reloads of a daemon, one after the other. */
export class Reloading {
  readonly #configuration: Pick<LiveConfiguration, 'again' | 'inForce'>;
  readonly #log: AdjustableLogger;
  readonly #serviceManager: Pick<ServiceManager, 'reloading'> | null;
  #node: Pick<ServedNode, 'adopt'> | null = null;
  readonly #reloads = new CoalescedTask(() => this.#run());

  /** `serviceManager`: is notified while a reload goes on. */
  constructor(
    configuration: Pick<LiveConfiguration, 'again' | 'inForce'>,
    log: AdjustableLogger,
    serviceManager: Pick<ServiceManager, 'reloading'> | null,
  ) {
    this.#configuration = configuration;
    this.#log = log;
    this.#serviceManager = serviceManager;
  }

  /** From here on there is a node, which may take some of the settings as its own. */
  setNode(node: Pick<ServedNode, 'adopt'>): void {
    this.#node = node;
  }

  /** Asks for a reload; one that is asked for during another follows it, however often it is. */
  request(): void {
    this.#reloads.request();
  }

  /** Resolves when no reload is under way. */
  async settled(): Promise<void> {
    await this.#reloads.settled();
  }

  async #run(): Promise<void> {
    const reload = (): Promise<void> =>
      this.#reload().catch((thrown: unknown) => {
        const error = toKerneletError(thrown);
        this.#log.error('the configuration is refused; the one in force stays', { error });
      });
    await (this.#serviceManager ? this.#serviceManager.reloading(reload) : reload());
  }

  async #reload(): Promise<void> {
    const { loaded, changed } = await this.#configuration.again();
    const { settings } = loaded;
    const adopted = [...logKeys, ...((await this.#node?.adopt(settings)) ?? [])];
    this.#log.setLevel(settings.logging.level);
    const known = this.#configuration.inForce.warnings;
    for (const warning of loaded.warnings) if (!known.includes(warning)) this.#log.warn(warning);
    for (const key of changed) {
      if (adopted.includes(key)) continue;
      this.#log.warn(`${key} has changed; it counts from the next start of this daemon`, { key });
    }
    this.#log.info('the configuration has been read again', { file: settings.configFile, changed });
  }
}
