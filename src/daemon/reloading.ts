/**
 * Reading the configuration again while the daemon goes on (spec config-and-ops 11.2): what can count at once does, what
 * cannot is named, and a file that is refused changes nothing.
 */

import type { ServedNode } from '../agent/node.ts';
import { toKerneletError } from '../lib/errors.ts';
import type { AdjustableLogger } from '../lib/log.ts';
import { CoalescedTask } from '../lib/single-flight.ts';
import type { LiveConfiguration } from './live-configuration.ts';
import type { ServiceManager } from './systemd.ts';

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
