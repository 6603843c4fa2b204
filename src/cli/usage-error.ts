/** A command line that cannot be understood: exit status 2. */
export class UsageError extends Error {
  /** What to do about it, when there is something better than the help. */
  readonly cure: string | undefined;

  constructor(message: string, cure?: string) {
    super(message);
    this.name = 'UsageError';
    this.cure = cure;
  }
}
