export const exceptions: Readonly<Record<string, string>>;
export function wordsOf(path: string, text: string): { line: number; word: string }[];
export function isExempt(path: string): boolean;
