/** Types of `packages.mjs`. */
export function isDebian(): Promise<boolean>;
export function installPackages(packages: readonly string[], log: (text: string) => void): Promise<void>;
