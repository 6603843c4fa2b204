export const maxLines: number;
export function emptyComments(text: string): { line: number; comment: string }[];
