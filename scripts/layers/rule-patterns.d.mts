/** What of a rule names modules. */
interface LayerRule {
  readonly name: string;
  readonly from?: { readonly path?: string | readonly string[]; readonly pathNot?: string | readonly string[] };
  readonly to?: { readonly path?: string | readonly string[]; readonly pathNot?: string | readonly string[] };
}
export function alternativesOf(pattern: string): string[];
export function idlePatterns(
  rules: readonly LayerRule[],
  paths: readonly string[],
): { name: string; pattern: string }[];
