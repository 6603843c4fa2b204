/** Writes the entries, by name, into a folder. */
export function bundle(input: Readonly<Record<string, string>>, dir: string): Promise<void>;
