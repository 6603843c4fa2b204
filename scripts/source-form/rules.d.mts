export function emptyComments(text: string): { line: number; comment: string }[];
export function problemsOf(path: string, text: string): string[];
