/** Types of `private-engine.mjs`, as far as tests use it. */

/** Where the parts of the engine of a folder lie. */
export interface EnginePlace {
  readonly folder: string;
  readonly data: string;
  readonly socket: string;
}
export function layout(folder: string): EnginePlace;
/** Of the daemon that runs; undefined: none does. */
export function runningPid(place: EnginePlace): Promise<number | undefined>;
/** `more` are arguments for the daemon. */
export function startDaemon(place: EnginePlace, more?: readonly string[]): Promise<void>;
export function stopDaemon(place: EnginePlace): Promise<void>;
