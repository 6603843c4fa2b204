import { describe, expect, it } from 'vitest';
import { recordFixture, specFixture } from '../../test/support/kernel-record.ts';
import { environText, resourceText } from './resource-text.ts';

describe('the texts that a kernel reads about itself', () => {
  it('describes resources', () => {
    const mounts = ['/data', '/odd,path', '/odd:path', '/odd\nSLOTS={}'].map((source) => ({
      source,
      target: '/home/work/data',
      readOnly: true,
    }));
    const spec = specFixture({ mounts });
    const text = resourceText(recordFixture({ spec, placement: { cpuset: '0-1,4', hostPorts: [] } }));
    expect(text).toBe(
      'CID=c1\nSCRATCH_SIZE=0m\nMOUNTS=/data:/home/work/data:ro\nSLOTS={"cpu": "1", "mem": "268435456"}\n' +
        'CPU_SHARES=0:1,1:1,4:1\nMEM_SHARES=root:256m\n',
    );
  });

  it('leaves out variables that a line cannot carry', () => {
    const environ = [
      ['A', '1=2'],
      ['B', 'two\nlines'],
      ['not a name', 'x'],
      ['C', ''],
    ] as const;
    expect(environText(environ)).toBe('A=1=2\nC=\n');
  });
});
