/** A double of the server that events go to: it takes each number of a series once. */
import type { AppendResult, SequencedBatch } from '../../src/backendai/redis/event-stream.ts';

/** What the script on the server does, in memory. */
export class FakeEventServer {
  readonly names: string[] = [];
  readonly batches: number[] = [];
  series = '';
  sequence = 0;
  /** What is to happen to a call: nothing, an error before it, or an error after it. */
  weather: () => 'fair' | 'down' | 'reply-lost' = () => 'fair';

  async append({ series, first, events }: SequencedBatch): Promise<AppendResult> {
    const weather = this.weather();
    if (weather === 'down') throw new Error('down');
    let last = first - 1;
    if (this.series === series && this.sequence > last) last = this.sequence;
    events.forEach(({ name }, index) => {
      if (first + index <= last) return;
      this.names.push(name);
      last = first + index;
    });
    if (events.length > 0) {
      this.batches.push(events.length);
      this.series = series;
      this.sequence = last;
    }
    if (weather === 'reply-lost') throw new Error('reply lost');
    return { last };
  }
}
