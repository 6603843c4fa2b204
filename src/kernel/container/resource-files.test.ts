import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { recordFixture, specFixture } from '../../../test/support/kernel-record.ts';
import { scratchParts } from '../../../test/support/scratch-parts.ts';
import { noProvision } from '../../devices/device-provision.ts';
import { ScratchFolders } from '../../storage/scratch.ts';
import { noPlacement } from '../record.ts';
import {
  environOf,
  environText,
  readResourceFile,
  resourceText,
  writeFirstResourceFiles,
  writeResourceFile,
} from './resource-files.ts';

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

describe('the files of what a kernel was given', () => {
  it('are written before its container and after it, whole, and the copy of before stays', async () => {
    const root = await mkdtemp(join(tmpdir(), 'kernelet-resources-'));
    try {
      await using scratch = new ScratchFolders(join(root, 'scratch'), scratchParts());
      const record = recordFixture();
      const { id, user } = record.spec;
      const { config } = await scratch.create(id, user).then(() => scratch.paths(id));
      const present = await readdir(config);
      await writeFirstResourceFiles(record, scratch);
      const read = (name: string) => readFile(join(config, name), 'utf8');
      const before = resourceText({ ...record, containerId: null });
      expect(before).toMatch(/^CID=\n/);
      expect([await read('resource.txt'), await read('resource_base.txt')]).toEqual([before, before]);
      await writeResourceFile(record, scratch);
      expect(await read('resource.txt')).toBe(resourceText(record));
      expect(await read('resource_base.txt')).toBe(before);
      expect((await stat(join(config, 'resource.txt'))).mode & 0o777).toBe(0o644);
      await rm(join(config, 'resource.txt'));
      await mkdir(join(config, 'resource.txt', 'in-the-way'), { recursive: true });
      await expect(writeResourceFile(record, scratch)).rejects.toThrow();
      expect((await readdir(config)).sort()).toEqual([...present, 'resource.txt', 'resource_base.txt'].sort());
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });

  it('end the reading of who has given up', async () => {
    const root = await mkdtemp(join(tmpdir(), 'kernelet-resources-'));
    try {
      await using scratch = new ScratchFolders(join(root, 'scratch'), scratchParts());
      const signal = AbortSignal.abort(new Error('given up'));
      await expect(readResourceFile(recordFixture(), scratch, signal)).rejects.toThrow('given up');
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
      ['D', 'a\r'],
      ['E', 'a\0'],
      ['1F', 'x'],
      ['G-', 'x'],
      ['_h1', 'x'],
      ['not a name', 'x'],
      ['C', ''],
    ] as const;
    expect(environText(environ)).toBe('A=1=2\n_h1=x\nC=\n');
  });
});
