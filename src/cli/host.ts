/**
 * Everything the command line needs from the composition root. `runCli(argv, host)` in `program.ts` does the rest;
 * tests pass a host of their own, with streams in memory.
 */
import type { ConfigFlags } from '../config/environment.ts';
import type { Settings } from '../config/settings.ts';
import type { Engine } from '../engine/engine.ts';
import type { Clock } from '../lib/clock.ts';
import type { KerneletError } from '../lib/errors.ts';

/** Where output goes. Writes are taken in order; a write resolves when the system has the bytes. */
export interface OutputPort {
  readonly isTerminal: boolean;
  /** Size of the terminal in characters; 80 and 24 when there is none. */
  readonly columns: number;
  readonly rows: number;
  /** Rejects with the system's `EPIPE` when nobody reads any more, and with FILE_ERROR when it is not taken. */
  write(data: Uint8Array | string): Promise<void>;
}

/** Standard input of the command. */
export interface InputPort {
  readonly isTerminal: boolean;
  /** False for a terminal that another process group owns: reading would stop this process. */
  readonly inForeground: boolean;
  /**
   * Pieces as they come, until the end of the file or the signal, which lets go of the file so that the process can
   * end. Ask once. Nothing is read before the first piece is asked for.
   */
  chunks(signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Switches the echo of a terminal off; the returned object switches it back on. Without a terminal: nothing. */
  silence(): Disposable;
  /**
   * Has a terminal give every key as it is, and show output as it is, until disposed; whatever ends the process ends that too.
   * Throws NOT_SUPPORTED.
   */
  raw(): Disposable;
}

/** The signals that commands listen to; the daemon alone to SIGUSR2. */
export type CliSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGUSR2' | 'SIGWINCH' | 'SIGCONT';

/** The process around the command: streams, signals, environment, time. `process-io.ts` makes the real one. */
export interface CliIo {
  readonly stdin: InputPort;
  readonly stdout: OutputPort;
  readonly stderr: OutputPort;
  readonly environ: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  readonly userId: number;
  readonly homeDirectory: string;
  /** By which the command waits for a daemon. */
  readonly clock: Clock;
  /** While a listener is there, the signal's default action is off. */
  onSignal(signal: CliSignal, listener: () => void): Disposable;
  /** Ends this process by the signal's default action, also while a write is stuck. */
  dieBySignal(signal: CliSignal): never;
  /** Has other users of the machine see the program's name alone, without its arguments. */
  hideArguments(): void;
}

/** Options of an agent inside the command's own process. */
export interface LocalAgentOptions {
  readonly stateDir?: string | undefined;
}

/** An agent inside this process, spoken to like a daemon. */
export interface LocalAgent extends AsyncDisposable {
  /** Answers as the local API does (`http/app.ts`); the address's host is ignored. The signal: the caller gives up. */
  fetch(request: Request, signal: AbortSignal | undefined): Promise<Response>;
}

/** What the composition root supplies. */
export interface CliHost {
  readonly version: string;
  readonly io: CliIo;
  /** Runs the daemon until a signal stops it; returns the exit status. Rejects with KerneletError. */
  serve(flags: ConfigFlags): Promise<number>;
  /** What `serve` would refuse of settings that are well-formed. */
  refusedSettings(settings: Settings): Promise<readonly KerneletError[]>;
  /** The engine that the settings name; whoever opens it disposes it. Rejects with ENGINE_UNSUPPORTED. */
  openEngine(settings: Settings): Promise<Engine>;
  /** Starts an agent of the command's own, below the state folder. Rejects with KerneletError. */
  startLocalAgent(options: LocalAgentOptions): Promise<LocalAgent>;
}
