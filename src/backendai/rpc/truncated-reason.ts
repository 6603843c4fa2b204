/** Reasons that managers give: free text, which goes into records, events and logs. Pure. */

const longest = 200;

/** The text on one line and of a length that is no burden. */
export function truncateReason(text: string): string {
  const line = text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  return line.length <= longest ? line : `${line.slice(0, longest)}…`;
}
