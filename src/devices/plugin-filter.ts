/**
 * Which device plugins the operator lets in (spec resources-and-stats 4): names of upstream's modules or our own names,
 * each of which stands for itself and what continues it after a dot. cpu and mem are not asked. Pure.
 */

/** What the configuration says; null where it says nothing. */
export interface PluginFilter {
  readonly allow: readonly string[] | null;
  readonly block: readonly string[] | null;
}

/** Whether a plugin is let in, by any of its names. */
export function isPluginAllowed(names: readonly string[], { allow, block }: PluginFilter): boolean {
  return (allow === null || isListed(names, allow)) && !(block !== null && isListed(names, block));
}

/** Whether a list names the plugin. */
export const isListed = (names: readonly string[], list: readonly string[]): boolean =>
  list.some((entry) => names.some((name) => name === entry || name.startsWith(`${entry}.`)));
