import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordFixture, specFixture } from '../../test/support/kernel-record.ts';
import { asContainerId } from '../lib/ids.ts';
import { silentLogger } from '../lib/log.ts';
import { StateWrites } from '../lib/state-writes.ts';
import { FileJournal } from './journal.ts';
import { decodeRecord, encodeRecord } from './record.ts';

let root: string;
let journal: FileJournal;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kernelet-journal-'));
  for (const name of ['kernels', 'quarantine']) await mkdir(join(root, name));
  journal = new FileJournal(
    { kernels: join(root, 'kernels'), quarantine: join(root, 'quarantine'), writes: new StateWrites() },
    silentLogger,
  );
});
afterEach(() => rm(root, { recursive: true, force: true }));

const file = (id: string): string => join(root, 'kernels', id, 'record.json');

describe('the journal', () => {
  it('gives back what was written, keeps it from other users, and forgets it', async () => {
    const record = recordFixture({
      spec: specFixture({
        environ: [['A', 'two\nlines']],
        publish: [80],
        mounts: [{ source: '/a', target: '/b', readOnly: true }],
      }),
      placement: {
        cpuset: '0,1',
        devices: [
          ['cuda.shares', '9', '0.5'],
          ['cpu', '0', '1'],
        ],
        provision: {
          slots: [['mem', 'bytes', '1024']],
          environ: [['A', 'b']],
          requests: [{ driver: 'nvidia', ids: ['GPU-1'], capabilities: ['compute'] }],
          runtime: null,
          networks: ['storage'],
          hooks: ['/usr/lib/libhook.so'],
          mounts: [{ source: '/usr/share/npu', target: '/npu' }],
          nodes: ['/dev/npu0'],
          data: [['CUDA_GLOBAL_DEVICE_IDS', '0:9']],
          attached: [['cuda', [{ device_id: '9', model_name: 'A', data: { smp: 8 } }]]],
        },
        hostPorts: [{ containerPort: 80, hostPort: 30_000 }],
        prewarmedNetwork: { container: asContainerId('c'.repeat(64)), receivedBytes: 1, sentBytes: 2 },
      },
      termination: { reason: 'self-terminated', exitCode: -9, detail: 'x', at: 5 },
      timings: [{ step: 'start', ms: 1.5 }],
    });
    await journal.write({ ...record, phase: 'creating' });
    await journal.write(record);
    expect(await journal.load()).toEqual({ records: [record], quarantined: [] });
    expect((await stat(file(record.spec.id))).mode & 0o777).toBe(0o600);
    await journal.remove(record.spec.id);
    await journal.remove(record.spec.id);
    expect(await journal.load()).toEqual({ records: [], quarantined: [] });
  });

  it('writes and reads a prewarmed network under the name that records have always had for it', () => {
    const prewarmedNetwork = { container: asContainerId('c'.repeat(64)), receivedBytes: 1, sentBytes: 2 };
    const record = recordFixture();
    const joined = { ...record, placement: { ...record.placement, prewarmedNetwork } };
    const text = encodeRecord(joined);
    const { placement } = JSON.parse(text);
    expect(placement).toMatchObject({ sandbox: prewarmedNetwork });
    expect(placement).not.toHaveProperty('prewarmedNetwork');
    expect(decodeRecord(text)).toEqual(joined);
  });

  it('reads records from before a field was added', () => {
    const record = recordFixture();
    const { openFiles: _openFiles, ...limits } = record.spec.limits;
    const { accelerators: _accelerators, name: _name, labels: _labels, ...spec } = record.spec;
    const placement = { cpuset: null, hostPorts: [] };
    const older = JSON.stringify({ ...record, spec: { ...spec, limits }, placement });
    expect(decodeRecord(older)).toEqual(record);
  });

  // @promise damaged-records
  it.each([
    ['cut off', (text: string) => text.slice(0, 100)],
    ['empty', () => ''],
    ['of a newer version', (text: string) => text.replace('"version":1', '"version":2')],
    ['of a phase that is none', (text: string) => text.replace('"running"', '"flying"')],
    [
      'of another kernel',
      (text: string) =>
        text.replaceAll(/"id":"[0-9a-f-]{36}"/g, `"id":"${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}"`),
    ],
    ['not an object', () => '[]'],
  ])('puts aside a record that is %s, and nothing else', async (_, damage) => {
    const [good, bad] = [recordFixture(), recordFixture()];
    await journal.write(good);
    await journal.write(bad);
    await writeFile(file(bad.spec.id), damage(await readFile(file(bad.spec.id), 'utf8')));
    const { records, quarantined } = await journal.load();
    expect(records).toEqual([good]);
    expect(quarantined).toMatchObject([{ name: bad.spec.id }]);
    expect(await readdir(join(root, 'quarantine'))).toHaveLength(1);
    expect(await journal.putAside()).toEqual(new Set([bad.spec.id]));
    expect(await journal.load()).toEqual({ records: [good], quarantined: [] });
  });

  it.runIf(process.geteuid?.() === 0)('puts nothing aside that only this process cannot read', async () => {
    const record = recordFixture();
    await journal.write(record);
    for (const folder of [root, join(root, 'kernels')]) await chmod(folder, 0o755);
    process.seteuid?.(65_534);
    try {
      await expect(journal.load()).rejects.toMatchObject({
        code: 'STATE_UNUSABLE',
        message: expect.stringContaining(record.spec.id),
      });
    } finally {
      process.seteuid?.(0);
    }
    expect((await journal.load()).records).toEqual([record]);
  });

  it('drops the folder of a write that never finished', async () => {
    const record = recordFixture();
    await mkdir(join(root, 'kernels', record.spec.id));
    expect(await journal.load()).toEqual({ records: [], quarantined: [] });
    expect(await readdir(join(root, 'kernels'))).toEqual([]);
  });

  it('does what it is asked for one kernel in order, also when nobody waits for it', async () => {
    for (let round = 0; round < 10; round += 1) {
      const record = recordFixture();
      const asked = [journal.write(record), journal.write({ ...record, readyAt: 7 }), journal.remove(record.spec.id)];
      await Promise.all(asked);
      expect(await readdir(join(root, 'kernels'))).toEqual([]);
      await Promise.all([journal.write(record), journal.write({ ...record, readyAt: 7 })]);
      expect((await journal.load()).records).toEqual([{ ...record, readyAt: 7 }]);
      await journal.remove(record.spec.id);
    }
  });

  it('names the path when it cannot write, and keeps the old record', async () => {
    const record = recordFixture();
    await writeFile(join(root, 'kernels', record.spec.id), '');
    await expect(journal.write(record)).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: expect.stringContaining(record.spec.id),
    });
  });
});

const newerFields = ['missingSince', 'unrecordedSince', 'paused', 'restoredFrom', 'restarts'] as const;

describe('the text of a record', () => {
  it('is read strictly: no field may be missing or of another type', () => {
    const whole = JSON.parse(encodeRecord(recordFixture())) as Record<string, unknown>;
    for (const name of Object.keys(whole)) {
      const { [name]: _, ...rest } = whole;
      // Records of older versions have no apps, and know of no missing containers, unrecorded kernels, pauses and restarts.
      if (name === 'apps') expect(decodeRecord(JSON.stringify(rest)).apps).toEqual([]);
      else if (newerFields.some((field) => field === name))
        expect(decodeRecord(JSON.stringify(rest))).toMatchObject({ [name]: null });
      else expect(() => decodeRecord(JSON.stringify(rest)), name).toThrow();
      expect(() => decodeRecord(JSON.stringify({ ...whole, [name]: { odd: true } })), name).toThrow();
    }
  });
});

describe('the journal of a node that publishes events', () => {
  // @promise record-first
  it('writes a record after the events before it, and removes one when they are synced, even when they were refused', async () => {
    const writes = new StateWrites();
    const state = { kernels: join(root, 'kernels'), quarantine: join(root, 'quarantine'), writes };
    const ordered = new FileJournal(state, silentLogger);
    const record = recordFixture({});
    const { promise: written, resolve: write } = Promise.withResolvers<void>();
    const { promise: synced, reject: refuse } = Promise.withResolvers<void>();
    const failed: unknown[] = [];
    const line = writes.append(1, async () => {
      await written;
      void writes.sync(
        {},
        () => synced,
        (error) => failed.push(error),
      );
    });
    const writing = ordered.write(record);
    const removing = ordered.remove(record.spec.id);
    expect(await Promise.race([writing, setTimeout(30, 'waits')])).toBe('waits');
    write();
    await Promise.all([line, writing]);
    expect(await Promise.race([removing, setTimeout(30, 'waits')])).toBe('waits');
    expect(decodeRecord(await readFile(file(record.spec.id), 'utf8'))).toEqual(record);
    refuse(new Error('the disk is full'));
    await removing;
    expect([await readdir(join(root, 'kernels')), failed.length]).toEqual([[], 1]);
  });
});
