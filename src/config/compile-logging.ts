/** Compiles `[logging]` (spec config-and-ops 16.1): levels, and the tables of the drivers. Pure. */
import type { LogLevel } from '../lib/log.ts';
import type { ConfigProblem } from './problems.ts';
import type { SchemaValues } from './schema.ts';
import type { LoggingSettings, UpstreamLogLevel } from './settings.ts';

const ownLevels: Readonly<Record<UpstreamLogLevel, LogLevel>> = {
  CRITICAL: 'error',
  ERROR: 'error',
  WARNING: 'warn',
  INFO: 'info',
  DEBUG: 'debug',
  NOTSET: 'debug',
  TRACE: 'debug',
  SILENT: 'silent',
};

/** Upstream's name for a level given in its words or ours (`warn`), in any letter case; undefined for others. */
export function toUpstreamLevel(word: string): UpstreamLogLevel | undefined {
  const upper = word.toUpperCase();
  if (upper === 'WARN') return 'WARNING';
  return Object.hasOwn(ownLevels, upper) ? (upper as UpstreamLogLevel) : undefined;
}

type Report = (problem: Omit<ConfigProblem, 'place'>) => void;

/** Compiles the section. A driver that is listed without its table is reported. */
export function compileLogging(
  { logging, debug }: SchemaValues,
  absolute: (path: string) => string,
  report: Report,
): LoggingSettings {
  const level = debug.enabled ? 'DEBUG' : logging.level;
  const settings: LoggingSettings = {
    level: ownLevels[level],
    upstreamLevel: level,
    packageLevels: logging['pkg-ns'],
    drivers: logging.drivers,
    console: { colored: logging['console.colored'], format: logging['console.format'] },
    file: compileFile(logging, absolute),
    logstash: compileLogstash(logging),
    graylog: compileGraylog(logging),
  };
  const needed = { file: ['path', 'filename'], logstash: ['endpoint'], graylog: ['host', 'port'] } as const;
  for (const driver of ['file', 'logstash', 'graylog'] as const) {
    if (!logging.drivers.includes(driver) || settings[driver] !== null) continue;
    const keys = needed[driver].map((key) => `logging.${driver}.${key}`).join(' and ');
    report({
      key: 'logging.drivers',
      value: `"${driver}"`,
      message: `needs ${keys}; give them or take it off the list`,
    });
  }
  return settings;
}

function compileFile(logging: SchemaValues['logging'], absolute: (path: string) => string): LoggingSettings['file'] {
  const { 'file.path': path, 'file.filename': filename } = logging;
  if (path === null || filename === null) return null;
  return {
    path: absolute(path),
    filename,
    backupCount: logging['file.backup-count'],
    rotationSizeBytes: logging['file.rotation-size'],
  };
}

function compileLogstash(logging: SchemaValues['logging']): LoggingSettings['logstash'] {
  const endpoint = logging['logstash.endpoint'];
  if (endpoint === null) return null;
  return {
    endpoint,
    protocol: logging['logstash.protocol'],
    tlsEnabled: logging['logstash.ssl-enabled'],
    tlsVerify: logging['logstash.ssl-verify'],
  };
}

function compileGraylog(logging: SchemaValues['logging']): LoggingSettings['graylog'] {
  const { 'graylog.host': host, 'graylog.port': port } = logging;
  if (host === null || port === null) return null;
  return {
    host,
    port,
    level: logging['graylog.level'],
    tlsVerify: logging['graylog.ssl-verify'],
    caCertificates: logging['graylog.ca-certs'] || null,
    keyFile: logging['graylog.keyfile'] || null,
    certificateFile: logging['graylog.certfile'] || null,
    fqdn: logging['graylog.fqdn'],
    localName: logging['graylog.localname'],
  };
}
