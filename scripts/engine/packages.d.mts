/** Types of `packages.mjs`. */
/** Names of packages of which a program is not installed; `programs` are pairs of both. */
export function missingPackages(programs?: readonly (readonly [program: string, name: string])[]): Promise<string[]>;
export function isDebian(): Promise<boolean>;
export function installPackages(packages: readonly string[], log: (text: string) => void): Promise<void>;
