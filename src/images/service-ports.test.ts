import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../test/support/depth.ts';
import { parseServicePorts } from './service-ports.ts';

const service = (name: string, protocol: string, containerPorts: number[], isInference = false) => ({
  name,
  protocol,
  containerPorts,
  isInference,
});

describe('parseServicePorts', () => {
  it.each([
    ['', [], []],
    ['a:http:1230', [], [service('a', 'http', [1230])]],
    ['a:preopen:1230', ['a', 'b'], [service('a', 'preopen', [1230], true)]],
    ['a:tcp:[5000,5005]', [], [service('a', 'tcp', [5000, 5005])]],
    [
      'a:tcp:[1230,1240,9000],x:http:3000,t:http:[5000,5001]',
      [],
      [service('a', 'tcp', [1230, 1240, 9000]), service('x', 'http', [3000]), service('t', 'http', [5000, 5001])],
    ],
    ['x:pty:1234,y:tcp:1235', [], [service('y', 'tcp', [1235])]],
    ['x:pty:22,y:tcp:1235', [], [service('y', 'tcp', [1235])]],
    [
      'jupyter:http:8080,tb:tcp:[6006,6007],ipython:pty:3000',
      [],
      [service('jupyter', 'http', [8080]), service('tb', 'tcp', [6006, 6007])],
    ],
    [
      'jupyter:http:8080, tb:tcp:[6006, 6007] ,',
      [],
      [service('jupyter', 'http', [8080]), service('tb', 'tcp', [6006, 6007])],
    ],
    ['é_1:http:9000', [], [service('é_1', 'http', [9000])]],
  ])('reads %s', (label, endpoints, services) => {
    expect(parseServicePorts(label, endpoints)).toEqual({ services, problems: [] });
  });

  it.each([
    ['x:unsupported:1234', 'Unsupported service port protocol'],
    ['x:http:65536', 'smaller than'],
    ['x:http:65535', 'smaller than'],
    ['x:http:99999999999999999999', 'smaller than'],
    ['x:http:1000', 'larger than'],
    ['x:http:1024', 'larger than'],
    ['x:http:-1', 'Invalid service-ports format'],
    ['abcdefg', 'Invalid service-ports format'],
    ['x:tcp:1234,abcdefg', 'Invalid service-ports format'],
    ['abcdefg,x:tcp:1234', 'Invalid service-ports format'],
    [',x:tcp:1234', 'Invalid service-ports format'],
    ['x:tcp:1234 y:tcp:1235', 'Invalid service-ports format'],
    ['x:tcp:[]', 'Invalid service-ports format'],
    ['x:tcp:1234,y:tcp:1234', 'already used'],
    ['x:tcp:[1234,1234]', 'already used'],
    ['y:tcp:7711,x:tcp:2200', 'reserved'],
    ['x:tcp:1234,x:tcp:1235', 'named twice'],
    ['sshd:tcp:9022', "the runner's own"],
    ['x:tcp:1234,ttyd:http:9000', "the runner's own"],
  ])('reports %s', (label, part) => {
    const { problems } = parseServicePorts(label, []);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(part);
  });

  it('keeps the items that are right', () => {
    expect(parseServicePorts('a:tcp:80,b:tcp:8080,c:udp:9', []).services).toEqual([service('b', 'tcp', [8080])]);
    expect(parseServicePorts('x:tcp:1234,x:http:1235', []).services).toEqual([service('x', 'http', [1235])]);
  });

  it('gives only usable ports, each once, for any text', () => {
    const alphabet = fc.constantFrom(
      'a',
      'b',
      '-',
      ':',
      ',',
      '[',
      ']',
      ' ',
      '1',
      '9',
      'tcp',
      'http',
      'pty',
      '2200',
      'é',
    );
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 60 }), (parts) => {
        const { services, problems } = parseServicePorts(parts.join(''), []);
        const ports = services.flatMap((item) => item.containerPorts);
        expect(ports.every((port) => port > 1024 && port < 65_535 && port !== 2200)).toBe(true);
        expect(new Set(ports).size).toBe(ports.length);
        expect(problems.every((problem) => problem.length < 300)).toBe(true);
      }),
      { numRuns: fuzzRuns(3000) },
    );
  });

  it('takes linear time for hostile texts', () => {
    const started = performance.now();
    for (const text of [
      'a'.repeat(50_000),
      `a:tcp:[${'1,'.repeat(20_000)}`,
      ' '.repeat(50_000),
      'a:tcp:'.repeat(9_000),
    ]) {
      parseServicePorts(text, []);
    }
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
