import { describe, expect, it } from 'vitest';
import { Decimal, plainText, zero } from '../lib/decimal.ts';
import { type ResourceSpec, readResourceAccount, writeResourceTxt } from './resource-txt.ts';
import type { KnownSlots } from './slot-name.ts';

const known: KnownSlots = new Map([['mem', 'bytes']]);
const bytes = new Decimal('1500000001');
const spec = (device: string, slot: string, id: string): ResourceSpec => ({
  containerId: 'c',
  slots: new Map([[slot, bytes]]),
  allocations: new Map([[device, new Map([[slot, new Map([[id, bytes]])]])]]),
  scratchBytes: new Decimal(0),
  mounts: [],
});

describe('resource.txt', () => {
  it('is written exactly on demand, and counted exactly in any case', () => {
    const exact = writeResourceTxt(spec('mem', 'mem', 'root'), { known, exactBytes: true });
    expect(exact).toContain('MEM_SHARES=root:1500000001\n');
    const rounded = writeResourceTxt(spec('mem', 'mem', 'root'), { known, data: [['A', 'b']] });
    expect(rounded).toMatch(/MEM_SHARES=root:1\.4g\nA=b\n$/);
    const amounts = readResourceAccount(rounded, known).allocations.get('mem')?.get('mem');
    expect([...(amounts ?? [])].map(([id, amount]) => [id, plainText(amount)])).toEqual([['root', '1500000001']]);
  });

  it('is a line for each thing, a mount without a source among them', () => {
    const mounts = [
      { type: 'bind', source: '/data', target: '/home/work/data', permission: 'ro' },
      { type: 'volume', source: '', target: '/tmp', permission: 'rw' },
    ] as const;
    const more = { mounts, slots: new Map([...spec('mem', 'mem', 'root').slots, ['cpu', new Decimal('1.50')]]) };
    expect(writeResourceTxt({ ...spec('mem', 'mem', 'root'), ...more }, { known })).toBe(
      [
        'CID=c',
        'SCRATCH_SIZE=0m',
        'MOUNTS=/data:/home/work/data:ro,None:/tmp:rw',
        'SLOTS={"mem": "1500000001", "cpu": "1.5"}',
        'MEM_SHARES=root:1.4g\n',
      ].join('\n'),
    );
  });

  it('has the shares of several devices as they are written, and passes over entries that say nothing', () => {
    const text = 'SLOTS={"mem": "5"}\nMEM_SHARES=a:1k,b:2k,c,:4,d:\nCPU_SHARES=0:0.5\nNOTHING\n';
    const { allocations } = readResourceAccount(text, known);
    const written = [...allocations.values()].flatMap((slots) =>
      [...slots].map(([slot, amounts]) => [slot, [...amounts].map(([id, amount]) => `${id} ${plainText(amount)}`)]),
    );
    expect(written).toEqual([
      ['mem', ['a 1024', 'b 2048']],
      ['cpu', ['0 0.5']],
    ]);
  });

  it('is not written when it would not be read back', () => {
    expect(() => writeResourceTxt(spec('mem', 'cpu', '0'), { known })).toThrow('the slot cpu is not one of mem');
    for (const id of ['a:b', 'a,b', 'a\nSLOTS={}']) {
      expect(() => writeResourceTxt(spec('mem', 'mem', id), { known })).toThrow('resource.txt cannot be written');
    }
  });

  it('is counted also when a path makes its mounts unreadable', () => {
    const text = 'SCRATCH_SIZE=0m\nMOUNTS=/a,b:/c:ro\nSLOTS={"cpu": "1"}\nCPU_SHARES=0:1\n';
    expect([...readResourceAccount(text, known).allocations.keys()]).toEqual(['cpu']);
  });

  it.each([
    ['', 'the line SLOTS= is missing'],
    ['SLOTS=', 'SLOTS is not JSON'],
    ['SLOTS=[]', 'SLOTS is not a JSON object'],
    ['SLOTS={"cpu": "many"}', 'the amount of the slot cpu "many" is not a decimal number'],
    ['SLOTS={"cpu": {}}', "Cannot convert the slot 'cpu' to decimal"],
    ['SLOTS={}\nCPU_SHARES=0:x', 'CPU_SHARES of resource.txt: "x" is not a decimal number'],
    ['SLOTS={}\nMEM_SHARES=root:1q', 'size "1q" is not a size in bytes'],
    ['SLOTS={}\nCPU_SHARES=0:-1', 'the device 0 cannot have -1'],
    ['SLOTS={}\nCPU_SHARES=0:1,1:Infinity', 'the device 1 cannot have Infinity'],
    ['SLOTS={}\nCPU_SHARES=0:NaN', '"NaN" is not a decimal number'],
    ['SLOTS={}\nMEM_SHARES=root:inf', 'the device root cannot have Infinity'],
    ['SLOTS={"mem": "-5"}\nMEM_SHARES=root:5', 'the slot mem cannot have -5'],
    [`SLOTS={}\nCPU_SHARES=0:${'9'.repeat(500)}`, 'is not a decimal number'],
    ['\0\0\0', 'the line SLOTS= is missing'],
  ])('is refused in a sentence when it is damaged: %j', (text, problem) => {
    expect(() => readResourceAccount(`${text}\n`, known)).toThrow(problem);
  });

  it('cut off at any byte is refused, or says of each device what it said or nothing', () => {
    const whole =
      'SCRATCH_SIZE=0m\nMOUNTS=\nSLOTS={"cpu": "12", "mem": "1500000001"}\nCPU_SHARES=0:1,7:11\nMEM_SHARES=root:1.4g\n';
    const said = readResourceAccount(whole, known).allocations;
    for (let end = 0; end < whole.length; end += 1) {
      let allocations: typeof said;
      try {
        allocations = readResourceAccount(whole.slice(0, end), known).allocations;
      } catch (error) {
        expect(error).toMatchObject({ code: 'INVALID_ARGUMENT' });
        continue;
      }
      for (const [device, allocation] of allocations) {
        for (const [slot, amounts] of allocation) {
          for (const [id, amount] of amounts)
            expect(plainText(amount)).toBe(plainText(said.get(device)?.get(slot)?.get(id) ?? zero));
        }
      }
    }
  });
});
