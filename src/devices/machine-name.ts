/** The machine as its kernel names it, which is how managers and plugins know it. */
import { arch } from 'node:os';

const names: Readonly<Record<string, string>> = { x64: 'x86_64', arm64: 'aarch64' };

/** `x86_64`, `aarch64`. */
export const machineName = (): string => names[arch()] ?? arch();
