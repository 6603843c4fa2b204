import { key, type SectionDefinition } from '../definition.ts';
import { hostPort } from '../value-types/address.ts';
import { byteSize } from '../value-types/amount.ts';
import { lenientBoolean, strictBoolean } from '../value-types/boolean.ts';
import { integer } from '../value-types/number.ts';
import { blankableText, choice, choices, choiceTable, path, text } from '../value-types/text.ts';
import { optional } from '../value-types/value-type.ts';

/** Levels of upstream's logging, and `SILENT`, which is ours. */
export const levels = ['CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG', 'NOTSET', 'TRACE', 'SILENT'] as const;

const level = choice(levels, { anyCase: true });

/** `[logging]` (spec config-and-ops 16.1). */
export const loggingSection = {
  name: 'logging',
  description: 'What is logged and where to. A driver that is listed needs its table.',
  keys: {
    level: key(level, {
      default: 'INFO',
      description: 'The least level that is logged; `SILENT` logs nothing.',
      environment: ['KERNELET_LOG_LEVEL'],
    }),
    'pkg-ns': key(choiceTable(levels), {
      default: { '': 'WARNING', 'ai.backend': 'INFO', tests: 'DEBUG' },
      description: 'Level by logger name, blank for the root. A table in the file replaces the default one.',
      effect: 'none-yet',
    }),
    drivers: key(choices(['console', 'file', 'logstash', 'graylog']), {
      default: ['console'],
      description: 'Where the log goes to.',
      effect: 'none-yet',
    }),
    'console.colored': key(optional(lenientBoolean), {
      default: null,
      description: 'Whether the console is coloured. None given: when it is a terminal.',
      effect: 'none-yet',
    }),
    'console.format': key(choice(['simple', 'verbose']), {
      default: 'verbose',
      description: 'How much a line of the console says.',
      effect: 'none-yet',
    }),
    'file.path': key(optional(path), {
      default: null,
      description: 'Folder of the log file.',
      effect: 'none-yet',
      environment: ['BACKEND_LOG_FILE'],
    }),
    'file.filename': key(optional(text), {
      default: null,
      description: 'Name of the log file.',
      effect: 'none-yet',
      environment: ['BACKEND_LOG_FILE'],
    }),
    'file.backup-count': key(integer({ min: 1, max: 100 }), {
      default: 5,
      description: 'How many full log files are kept.',
      effect: 'none-yet',
      environment: ['BACKEND_LOG_FILE_COUNT'],
    }),
    'file.rotation-size': key(byteSize({ min: 1 }), {
      default: '10M',
      description: 'Size at which a log file is full. The variable holds a number of MiB.',
      effect: 'none-yet',
      environment: ['BACKEND_LOG_FILE_SIZE'],
    }),
    'file.format': key(choice(['simple', 'verbose']), {
      default: 'verbose',
      description: 'Has no effect upstream either.',
      effect: 'ignored',
    }),
    'logstash.endpoint': key(optional(hostPort()), {
      default: null,
      description: 'Address of the logstash server.',
      effect: 'none-yet',
    }),
    'logstash.protocol': key(choice(['tcp', 'udp', 'zmq.push', 'zmq.pub']), {
      default: 'tcp',
      description: 'How it is spoken to.',
      effect: 'none-yet',
    }),
    'logstash.ssl-enabled': key(lenientBoolean, {
      default: true,
      description: 'TLS, over TCP only.',
      effect: 'none-yet',
    }),
    'logstash.ssl-verify': key(lenientBoolean, {
      default: true,
      description: "Whether the server's certificate is checked.",
      effect: 'none-yet',
    }),
    'graylog.host': key(optional(text), {
      default: null,
      description: 'Host of the graylog server.',
      effect: 'none-yet',
    }),
    'graylog.port': key(optional(integer({ min: 1024, max: 65_535 })), {
      default: null,
      description: 'Port of the graylog server.',
      effect: 'none-yet',
    }),
    'graylog.level': key(level, { default: 'INFO', description: 'The least level that is sent.', effect: 'none-yet' }),
    'graylog.ssl-verify': key(strictBoolean, {
      default: false,
      description: "Whether the server's certificate is checked.",
      effect: 'none-yet',
    }),
    'graylog.ca-certs': key(blankableText, {
      default: '',
      description: 'Folder of the certificates that are trusted.',
      effect: 'none-yet',
    }),
    'graylog.keyfile': key(blankableText, { default: '', description: 'File of the private key.', effect: 'none-yet' }),
    'graylog.certfile': key(blankableText, {
      default: '',
      description: 'File of the certificate.',
      effect: 'none-yet',
    }),
    'graylog.fqdn': key(lenientBoolean, {
      default: true,
      description: 'Whether the full host name is sent.',
      effect: 'none-yet',
    }),
    'graylog.localname': key(optional(text), {
      default: null,
      description: 'A host name to send instead.',
      effect: 'none-yet',
    }),
  },
} as const satisfies SectionDefinition;
