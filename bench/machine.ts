/** What a report says of the machine and the program that were measured. */
import { readFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import path from 'node:path';
import { call } from './http.ts';

/** The machine, with the engine behind this socket. */
export async function describeMachine(engineSocket: string): Promise<object> {
  const field = (document: unknown, name: string): unknown =>
    Object.entries(Object(document)).find(([key]) => key === name)?.[1];
  const version = await call(engineSocket, 'GET', '/version');
  const info = await call(engineSocket, 'GET', '/info');
  return {
    cpus: cpus().length,
    model: cpus()[0]?.model ?? '',
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    engine: {
      version: field(version, 'Version'),
      api: field(version, 'ApiVersion'),
      storage: field(info, 'Driver'),
      cgroups: field(info, 'CgroupVersion'),
      system: field(info, 'OperatingSystem'),
    },
  };
}

export async function programVersion(): Promise<unknown> {
  return JSON.parse(await readFile(path.resolve(import.meta.dirname, '..', 'package.json'), 'utf8')).version;
}
