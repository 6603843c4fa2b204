export function promiseProblems(page: string, read: (file: string) => string | null): string[];
