import { describe, expect, it } from 'vitest';
import { KerneletError } from '../../lib/errors.ts';
import { abortFailure, connectionFailure, engineWords, portInConflict, statusFailure, statusOf } from './failure.ts';

describe('portInConflict', () => {
  it.each([
    [
      'driver failed programming external connectivity on endpoint kernel.x (0a1b): Bind for 127.0.0.1:30001 failed: port is already allocated',
      30001,
    ],
    ['Error starting userland proxy: listen tcp4 127.0.0.1:30002: bind: address already in use', 30002],
    ['failed to bind host port 127.0.0.1:30003/tcp: address already in use', 30003],
    ['Error starting userland proxy: listen tcp6 [::1]:30004: bind: address already in use', 30004],
    ['OCI runtime create failed: exec: "/x": no such file or directory', undefined],
    ['', undefined],
  ])('reads %j as %s', (words, port) => {
    expect(portInConflict(words)).toBe(port);
  });
});

describe('statusFailure', () => {
  it('repeats the words of the engine, bounded, from JSON or text', () => {
    expect(engineWords(statusFailure(500, '{"message":"no space"}', 'create x'))).toBe('no space');
    expect(engineWords(statusFailure(502, 'bad gateway\n', 'create x'))).toBe('bad gateway');
    expect(statusFailure(500, 'x'.repeat(100_000), 'create x').message.length).toBeLessThan(2_100);
    expect(statusOf(statusFailure(409, '', 'create x'))).toBe(409);
    expect(statusOf(new Error('x'))).toBeUndefined();
  });
});

describe('abortFailure', () => {
  const abortedWith = (reason?: unknown): AbortSignal => AbortSignal.abort(reason);

  it('keeps the reason when it is one of ours, and names a time-out and a cancellation', () => {
    const reason = new KerneletError('SHUTTING_DOWN', 'stopping');
    expect(abortFailure(abortedWith(reason), 'ping')).toBe(reason);
    expect(abortFailure(abortedWith(), 'ping').code).toBe('CANCELLED');
    expect(abortFailure(abortedWith(new DOMException('late', 'TimeoutError')), 'ping').code).toBe('DEADLINE_EXCEEDED');
  });
});

describe('connectionFailure', () => {
  it('says in words why the engine cannot be reached', () => {
    const error = connectionFailure(Object.assign(new Error('connect'), { code: 'ENOENT' }), '/x.sock', 'to answer');
    expect(error.code).toBe('ENGINE_UNAVAILABLE');
    expect(error.message).toContain('/x.sock');
    expect(error.message).toContain('there is no such socket');
  });
});
