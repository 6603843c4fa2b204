/** Reads what the engine says of itself and its host. */
import type { EngineInfo } from '../engine.ts';
import { child, fields, number, text, texts } from './fields.ts';
import type { EngineVersion } from './versioned-transport.ts';

/** The reply to `GET /info`, with the version that was negotiated. */
export function readEngineInfo(value: unknown, version: EngineVersion): EngineInfo {
  const info = fields(value);
  return {
    name: version.name,
    identity: text(info, 'ID'),
    version: version.version,
    apiVersion: version.apiVersion,
    architecture: text(info, 'Architecture'),
    storageDriver: text(info, 'Driver'),
    cgroupVersion: text(info, 'CgroupVersion') === '2' ? 2 : 1,
    cgroupDriver: text(info, 'CgroupDriver'),
    cpus: number(info, 'NCPU'),
    memoryBytes: number(info, 'MemTotal'),
    dataRoot: text(info, 'DockerRootDir'),
    runtimes: Object.keys(child(info, 'Runtimes')),
    securityOptions: texts(info, 'SecurityOptions'),
  };
}
