import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxBodyBytes } from '../protocol/frame.ts';
import { ReplayBuffer } from './replay-buffer.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const out = { kind: 'stdout' } as const;
const read = (buffer: ReplayBuffer, after = 0): [number, string, string][] => {
  const found: [number, string, string][] = [];
  for (let item = buffer.next(after); item; item = buffer.next(item.n)) {
    found.push([item.n, item.event.kind, Buffer.from(item.body).toString()]);
  }
  return found;
};

describe('ReplayBuffer', () => {
  it('joins output of one stream until it was delivered', () => {
    const buffer = new ReplayBuffer(1e6);
    buffer.append(out, bytes('a'));
    buffer.append(out, bytes('b'));
    buffer.append({ kind: 'stderr' }, bytes('c'));
    expect(read(buffer)).toEqual([
      [1, 'stdout', 'ab'],
      [2, 'stderr', 'c'],
    ]);
    buffer.append({ kind: 'stderr' }, bytes('d'));
    expect(read(buffer, 1)).toEqual([
      [2, 'stderr', 'c'],
      [3, 'stderr', 'd'],
    ]);
  });

  it('holds what is not acknowledged', () => {
    const buffer = new ReplayBuffer(1000);
    buffer.append(out, Buffer.alloc(900));
    expect(buffer.unacknowledgedBytes).toBeGreaterThan(900);
    buffer.acknowledge(1);
    expect(buffer.unacknowledgedBytes).toBe(0);
  });

  it('keeps a tail of what is acknowledged, and knows what is gone', () => {
    const buffer = new ReplayBuffer(1e9);
    for (let index = 0; index < 20; index += 1) {
      buffer.append(out, Buffer.alloc(maxBodyBytes));
      buffer.next(index);
    }
    buffer.acknowledge(20);
    expect(buffer.oldest).toBeGreaterThan(1);
    expect(buffer.heldBytes).toBeGreaterThanOrEqual(1024 * 1024);
    expect(buffer.heldBytes).toBeLessThan(1024 * 1024 + 2 * maxBodyBytes);
    const gone = buffer.oldest - 1;
    expect(buffer.next(0)).toMatchObject({ n: gone, event: { kind: 'dropped', upTo: gone * maxBodyBytes } });
    expect(buffer.next(gone)?.n).toBe(buffer.oldest);
    buffer.trim(0);
    expect(buffer.next(0)).toMatchObject({ n: 20, event: { kind: 'dropped', upTo: 20 * maxBodyBytes } });
    expect([buffer.next(20), buffer.last]).toEqual([null, 20]);
  });

  // @promise processes
  it('of the newest waits for nobody, keeps up to its limit, and tells each reader of what is gone', () => {
    const buffer = new ReplayBuffer(16_000, 'newest');
    const told: string[] = [];
    let [slow, fast] = [0, 0];
    for (let index = 1; index <= 1000; index += 1) {
      buffer.append(out, bytes(`line ${index}\n`));
      for (let item = buffer.next(fast); item; item = buffer.next(fast)) {
        told.push(Buffer.from(item.body).toString());
        fast = item.n;
      }
      if (index === 5) slow = buffer.next(slow)?.n ?? 0;
    }
    expect(told.join('')).toBe(Array.from({ length: 1000 }, (_, index) => `line ${index + 1}\n`).join(''));
    expect([buffer.unacknowledgedBytes, buffer.overfull]).toEqual([0, false]);
    expect(buffer.heldBytes).toBeGreaterThanOrEqual(16_000);
    expect(buffer.heldBytes).toBeLessThan(18_000);
    const gap = buffer.next(slow);
    const rest = read(buffer, gap?.n).map(([, , text]) => text);
    expect(gap?.event).toEqual({ kind: 'dropped', upTo: told.join('').length - rest.join('').length });
    expect(rest.at(0)).toBe(`line ${(gap?.n ?? 0) + 1}\n`);
    buffer.acknowledge(1000);
    expect(read(buffer, gap?.n)).toHaveLength(rest.length);
  });

  it('bounds a flood of empty events', () => {
    const buffer = new ReplayBuffer(10_000);
    for (let index = 0; index < 200 && !buffer.overfull; index += 1) buffer.append({ kind: 'started' }, bytes(''));
    expect(buffer.overfull).toBe(true);
  });

  it('loses, doubles and reorders nothing, whatever is read and acknowledged in between', () => {
    const action = fc.oneof(
      fc.record({ do: fc.constant('add' as const), text: fc.string(), stream: fc.constantFrom('stdout', 'stderr') }),
      fc.record({ do: fc.constant('read' as const) }),
      fc.record({ do: fc.constant('ack' as const), n: fc.nat(60) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const buffer = new ReplayBuffer(1e6);
        const sent: string[] = [];
        const got: string[] = [];
        let position = 0;
        const drain = (): void => {
          for (let item = buffer.next(position); item; item = buffer.next(position)) {
            expect(item.n).toBe(position + 1);
            got.push(`${item.event.kind}:${Buffer.from(item.body).toString()}`);
            position = item.n;
          }
        };
        for (const step of actions) {
          if (step.do === 'add') {
            sent.push(`${step.stream}:${step.text}`);
            buffer.append({ kind: step.stream as 'stdout' }, bytes(step.text));
          } else if (step.do === 'read') drain();
          else buffer.acknowledge(Math.min(step.n, position));
        }
        drain();
        const flat = (items: string[]): string =>
          items.reduce((text, item) => {
            const [kind = '', content = ''] = [item.slice(0, 6), item.slice(7)];
            return text.endsWith(`\u0000${kind}`) ? text : text + [...content].map((char) => `${kind}${char}`).join('');
          }, '');
        const normal = (items: string[]): string => flat(items.map((item) => item));
        expect(normal(got)).toBe(normal(sent));
        buffer.acknowledge(1e6);
        expect(buffer.unacknowledgedBytes).toBe(0);
      }),
    );
  });
});
