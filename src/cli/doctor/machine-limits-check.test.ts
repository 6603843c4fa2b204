import { expect, it } from 'vitest';
import { machineLimitsResult } from './machine-limits-check.ts';

const gibibyte = 2 ** 30;
const wide = {
  openFiles: 2 ** 40,
  connections: 262_144,
  neighbours: 65_536,
  memoryBytes: 24 * gibibyte,
  kernels: 32,
  connectionLimit: 8192,
};

it('is content where all kernels together fit', () => {
  expect(machineLimitsResult(wide)).toEqual({
    state: 'ok',
    detail: '1099511627776 open files, 262144 connections, 65536 neighbours for the whole machine',
  });
});

it('names no number of open files where there is no bound', () => {
  for (const openFiles of [Number('9223372036854775807'), Number.POSITIVE_INFINITY])
    expect(machineLimitsResult({ ...wide, openFiles, connections: null, neighbours: null }).detail).toBe(
      'any number of open files for the whole machine',
    );
});

it('says when the kernels can follow more connections than the machine can', () => {
  expect(machineLimitsResult({ ...wide, kernels: 33 })).toEqual({
    state: 'warning',
    detail:
      '1099511627776 open files, 262144 connections, 65536 neighbours for the whole machine: fewer than 33 kernels of 8192 each can have',
    fix: 'sysctl -w net.netfilter.nf_conntrack_max=524288',
  });
  expect(machineLimitsResult({ ...wide, kernels: 1, connections: 100 })).toMatchObject({
    detail: expect.stringContaining('1 kernel of 8192'),
  });
});

it('says when kernels can open more files than the machine has', () => {
  expect(machineLimitsResult({ ...wide, openFiles: 2_466_186 })).toMatchObject({
    state: 'warning',
    fix: 'sysctl -w fs.file-max=100663296',
  });
});

it('says when one kernel can have all neighbours that the machine can', () => {
  expect(machineLimitsResult({ ...wide, neighbours: 1024 })).toEqual({
    state: 'warning',
    detail: expect.stringContaining('1024 neighbours for the whole machine: one kernel'),
    fix: 'sysctl -w net.ipv4.neigh.default.gc_thresh3=65536',
  });
});

it('asks for no more where no connections are followed, or they have no limit', () => {
  expect(machineLimitsResult({ ...wide, connections: null }).state).toBe('ok');
  expect(machineLimitsResult({ ...wide, kernels: 1000, connectionLimit: 0 }).state).toBe('ok');
});
