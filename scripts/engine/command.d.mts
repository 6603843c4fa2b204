/** Types of `command.mjs`. */
export function findProgram(name: string): Promise<string | undefined>;
