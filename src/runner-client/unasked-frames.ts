/**
 * What a runner may send that nobody waits for: states of runs and its own, late replies, events of a reader that has left. One
 * in a tenant's hands that sends more breaks the protocol.
 */
import type { Clock } from '../lib/clock.ts';
import { TokenBucket } from '../lib/token-bucket.ts';
import { FrameError } from '../protocol/frame.ts';
import { protocolError } from './runner-errors.ts';

/** In frames: more at once than a runner of ours has to say after a pause, and more a second than it goes on saying. */
const allowance = { burst: 20_000, perSecond: 1_000 } as const;
/** A header of so many bytes counts as a frame more, also of an event that is read: they are parsed before anything is known. */
const bytesPerFrame = 1024;
/** Each request brings some: a run its phases, an answer to a program those of its next question. */
const perRequest = 16;
/** Events that may be under way when a reader leaves: what both ends of a socket hold, one small event after the other. */
const perDetach = 12_000;

/** The allowance of one runner, over all its connections. */
export class UnaskedFrames {
  readonly #bucket: TokenBucket;
  readonly #onExcess: () => void;

  /** `onExcess` is called each time before PROTOCOL_ERROR is thrown. */
  constructor(clock: Clock, onExcess: () => void) {
    this.#bucket = new TokenBucket({ ...allowance, clock });
    this.#onExcess = onExcess;
  }

  /** Something is asked of the runner. */
  requested(): void {
    this.#bucket.give(perRequest);
  }

  /** It is told that a reader has left. */
  detached(): void {
    this.#bucket.give(perDetach);
  }

  /** A greeting with so many runs: whoever comes back again and again sends more than the one who goes on. Throws PROTOCOL_ERROR. */
  greeting(runs: number): void {
    this.#charge(1 + runs);
  }

  /** A frame that nobody waited for. Throws PROTOCOL_ERROR. */
  unasked(headerBytes: number): void {
    this.#charge(1 + Math.floor(headerBytes / bytesPerFrame));
  }

  /** An event that is read. Throws PROTOCOL_ERROR. */
  read(headerBytes: number): void {
    this.#charge(Math.floor(headerBytes / bytesPerFrame));
  }

  #charge(frames: number): void {
    if (this.#bucket.take(frames)) return;
    this.#onExcess();
    throw protocolError(new FrameError('it goes on sending what nobody asked for'));
  }
}
