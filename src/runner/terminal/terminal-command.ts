/** How a program comes to have a terminal as its streams, and as the one that its keys and its hang-up come from. */

/**
 * A session leader that opens a terminal gets it as its own. Words are of UTF-8, so that erasing one takes it whole; `stty` is
 * one of the shell's or found on the program's PATH, and goes without saying.
 */
const script = 'exec 0<>"$1" 1>&0 2>&0; stty iutf8 2>/dev/null; shift; exec "$@"';

/** The command line by which this shell, as the leader of a session of its own, becomes a program on a terminal. */
export const onTerminal = (shell: string, path: string, argv: readonly string[]): readonly string[] => [
  shell,
  '-c',
  script,
  'kernelet',
  path,
  ...argv,
];
