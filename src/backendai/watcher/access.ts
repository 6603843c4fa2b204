/** Who may ask the watcher for something: whoever has the token, which nobody gets to guess. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import { TokenBucket } from '../../lib/token-bucket.ts';

/** `limited`: too many have been refused to this address, which is not asked for its token for a while. */
export type Verdict = 'granted' | 'refused' | 'limited';

/** Refusals of one address at once, and each second from then on. */
const refusals = { burst: 10, perSecond: 1 };
/** Of more, the one that was refused first is forgotten. */
const maxAddresses = 1024;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

export class Access {
  readonly #clock: Clock;
  readonly #refused = new Map<string, TokenBucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `shown`: as it came in a header, whose characters are bytes; undefined: there is none. */
  check(address: string, shown: string | undefined, token: string): Verdict {
    const bucket = this.#refused.get(address);
    if (bucket && !bucket.take()) return 'limited';
    // Digests have one length, and tell nobody by time how far they are alike.
    if (shown !== undefined && timingSafeEqual(digest(Buffer.from(shown, 'latin1').toString()), digest(token))) {
      bucket?.give(1);
      return 'granted';
    }
    if (!bucket) this.#remember(address);
    return 'refused';
  }

  #remember(address: string): void {
    if (this.#refused.size >= maxAddresses) this.#refused.delete(this.#refused.keys().next().value ?? '');
    const bucket = new TokenBucket({ clock: this.#clock, ...refusals });
    bucket.take();
    this.#refused.set(address, bucket);
  }
}
