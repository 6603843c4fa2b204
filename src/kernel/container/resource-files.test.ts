import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { recordFixture, specFixture } from '../../../test/support/kernel-record.ts';
import { scratchParts } from '../../../test/support/scratch-parts.ts';
import { noProvision } from '../../devices/device-provision.ts';
import { ScratchFolders } from '../../storage/scratch.ts';
import { noPlacement } from '../record.ts';
import { environOf, environText, readResourceFile, resourceText } from './resource-files.ts';

describe('a file of what a kernel was given', () => {
  it('says nothing when it is absent, damaged, or longer than such files are', async () => {
    const root = await mkdtemp(join(tmpdir(), 'kernelet-resources-'));
    try {
      await using scratch = new ScratchFolders(join(root, 'scratch'), scratchParts());
      const record = recordFixture({ placement: { ...noPlacement, devices: [['cpu', '0', '1']] } });
      const { id, user } = record.spec;
      await scratch.create(id, user);
      const read = () => readResourceFile(record, scratch, new AbortController().signal);
      const file = join(scratch.paths(id).config, 'resource.txt');
      expect(await read()).toBeNull();
      await writeFile(file, resourceText(record));
      expect(await read()).toEqual([['cpu', '0', '1']]);
      await writeFile(file, `${resourceText(record)}${'#\n'.repeat(2 ** 21)}`);
      expect(await read()).toBeNull();
      await writeFile(file, 'SLOTS=');
      expect(await read()).toBeNull();
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});

describe('the texts that a kernel reads about itself', () => {
  it('describes resources', () => {
    const mounts = ['/data', '/odd,path', '/odd:path', '/odd\nSLOTS={}'].map((source) => ({
      source,
      target: '/home/work/data',
      readOnly: true,
    }));
    const spec = specFixture({ mounts });
    const placement = {
      ...noPlacement,
      devices: [
        ['cuda.shares', 'b', '0.5'],
        ['cpu', '0', '1'],
        ['cpu', '4', '1'],
        ['mem', 'root', '268435456'],
      ],
      provision: {
        ...noProvision,
        slots: [
          ['cuda.shares', 'count', '0.5'],
          ['cuda.device:10g-mig', 'unique', '0'],
          ['cpu', 'count', '2'],
          ['mem', 'bytes', '268435456'],
        ],
        environ: [['GREETING', 'from the device']],
        data: [['CUDA_GLOBAL_DEVICE_IDS', '0:b']],
      },
    } as const;
    const text = resourceText(recordFixture({ spec, placement }));
    expect(text).toBe(
      'CID=c1\nSCRATCH_SIZE=0m\nMOUNTS=/data:/home/work/data:ro\n' +
        'SLOTS={"cuda.shares": "0.5", "cuda.device:10g-mig": "0", "cpu": "2", "mem": "268435456"}\n' +
        'CUDA.SHARES_SHARES=b:0.5\nCPU_SHARES=0:1,4:1\nMEM_SHARES=root:256m\nCUDA_GLOBAL_DEVICE_IDS=0:b\n',
    );
    expect(environOf(recordFixture({ placement }))).toEqual([['GREETING', 'from the device']]);
  });

  it('tells the number of cores in the variables that the image names, unless the session has them', () => {
    const image = { ...specFixture().image, coreCountVariables: ['OMP_NUM_THREADS', 'NPROC'] };
    const spec = specFixture({ image, environ: [['NPROC', '9']], limits: { ...specFixture().limits, cpus: 1.5 } });
    const numbers = (cpuset: string | null) =>
      environOf(recordFixture({ spec, placement: { ...noPlacement, cpuset } }));
    expect(numbers(null)).toEqual([
      ['OMP_NUM_THREADS', '2'],
      ['NPROC', '9'],
    ]);
    expect(numbers('0-2,5')[0]).toEqual(['OMP_NUM_THREADS', '4']);
  });

  it('has the libraries of devices loaded, before those that the session names', () => {
    const hooks = ['/usr/lib/libnpu.so', '/opt/x/libother.so'];
    const placement = { ...noPlacement, provision: { ...noProvision, hooks } };
    const both = '/opt/kernel/libnpu.so:/opt/kernel/libother.so';
    expect(environOf(recordFixture({ placement }))).toContainEqual(['LD_PRELOAD', both]);
    const spec = specFixture({ environ: [['LD_PRELOAD', '/home/work/own.so']] });
    expect(environOf(recordFixture({ spec, placement }))).toEqual([['LD_PRELOAD', `${both}:/home/work/own.so`]]);
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
