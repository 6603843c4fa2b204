/**
 * What a third party's plugin says, and how that is checked: it may be wrong in every way. Pure.
 */
import { normalize } from 'node:path';
import { type Decimal, Decimal as DecimalClass, isAboveZero, parseDecimal } from '../lib/decimal.ts';
import {
  JsonFormError,
  list,
  newer,
  nullable,
  number,
  object,
  oneOf,
  pair,
  type Reader,
  signed,
  such,
  table,
  text,
  truth,
  whole,
} from '../lib/json-reader.ts';
import type { Allocation, SlotDevice } from '../resources/allocation.ts';
import { slotTypes } from '../resources/slot-name.ts';
import type { AttachedDevice, ComputeDevice, DeviceMetadata, HardwareInfo } from './device-plugin.ts';
import type { DeviceAnswers } from './device-provision.ts';

/** What `discover` of a plugin answers, checked: its slots, its devices, and how they are given out. */
export interface PluginDescription {
  readonly key: string;
  readonly version: string;
  readonly slotTypes: readonly (readonly [string, (typeof slotTypes)[number]])[];
  readonly exclusiveSlots: readonly string[];
  readonly metadata: DeviceMetadata | null;
  readonly extraInfo: Readonly<Record<string, string | boolean>>;
  readonly units: readonly { readonly device: ComputeDevice; readonly slot: string; readonly amount: Decimal }[];
  readonly kind: 'discrete' | 'fraction';
  readonly strategy: 'fill' | 'evenly';
  readonly quantum: Decimal;
}

const maxBytes = 2 ** 20;
const maxItems = 256;
/** So much of each of many devices is still added up to the last digit. */
const maxAmount = new DecimalClass('1E+18');
const maxPath = 4096;
const keyForm = /^[a-z0-9_-]{1,64}$/;
const variableForm = /^([A-Za-z_][A-Za-z0-9_]*)=[^\0]*$/;
/** Variables by which a program would load something, of root's own before the tenant's too. */
const loaders = /^(LD_|NODE_|PATH=|PYTHON|PERL|RUBY|GCONV_PATH=|GLIBC_TUNABLES=|BASH_|ENV=|IFS=|PS4=|SHELLOPTS=)/;
const dataForm = /^[A-Z][A-Z0-9_]*$/;
/** A pattern with more than that could keep the daemon busy for ever. */
const slotPattern = /^[a-z0-9_.:-]{1,64}(\*[a-z0-9_.:-]{0,64})?$/;
/** It goes into every heartbeat. */
const maxWordsLength = 256;
const maxWords = 64;
const ownLines = /^(CID|SCRATCH_SIZE|MOUNTS|SLOTS|.*_SHARES)$/;

const some = <T>(read: Reader<T>): Reader<readonly T[]> =>
  newer(
    such(list(read), ({ length }) => length <= maxItems, `a list of at most ${maxItems}`),
    [],
  );
const amount: Reader<Decimal> = (value, place) => {
  const read = parseDecimal(text(value, place), `${place}:`);
  if (!isAboveZero(read) || read.gt(maxAmount)) throw new JsonFormError(place, 'above 0 and at most 1E+18');
  return read;
};
const words = such(text, ({ length }) => length <= maxWordsLength, `a text of at most ${maxWordsLength} characters`);
const oneLine = such(text, (value) => !/[\r\n\0]/.test(value), 'one line');

const metadata = object<DeviceMetadata>((of) => ({
  slot_name: of('slot_name', words),
  description: of('description', words),
  human_readable_name: of('human_readable_name', words),
  display_unit: of('display_unit', words),
  number_format: of(
    'number_format',
    object((format) => ({ binary: format('binary', truth), round_length: format('round_length', whole) })),
  ),
  display_icon: of('display_icon', words),
}));

const unit: Reader<PluginDescription['units'][number]> = object((of) => ({
  device: {
    id: of('id', text),
    location: of('location', newer(words, '')),
    memoryBytes: of('memoryBytes', newer(whole, 0)),
    processingUnits: of('processingUnits', newer(number, 0)),
    numaNode: of('numaNode', newer(nullable(signed), null)),
    modelName: of('modelName', newer(words, '')),
  },
  slot: of('slot', text),
  amount: of('amount', newer(amount, new DecimalClass(1))),
}));

const description: Reader<PluginDescription> = object((of) => ({
  key: of(
    'key',
    such(text, (key) => keyForm.test(key), 'a name of small letters, digits, "-" and "_"'),
  ),
  version: of('version', newer(words, '')),
  slotTypes: of(
    'slotTypes',
    list((value, place) => {
      const [slot, type] = pair(value, place);
      return [slot, oneOf(slotTypes)(type, place)] as const;
    }),
  ),
  exclusiveSlots: of(
    'exclusiveSlots',
    some(such(text, (slot) => slotPattern.test(slot), 'a slot, or a pattern of slots with one "*"')),
  ),
  metadata: of('metadata', newer(nullable(metadata), null)),
  extraInfo: of(
    'extraInfo',
    newer(
      such(
        table((value, place) => (typeof value === 'boolean' ? value : words(value, place))),
        (entries) => Object.keys(entries).length <= maxWords,
        `at most ${maxWords} entries`,
      ),
      {},
    ),
  ),
  units: of('devices', list(unit)),
  kind: of('kind', newer(oneOf(['discrete', 'fraction']), 'discrete')),
  strategy: of('strategy', newer(oneOf(['fill', 'evenly']), 'evenly')),
  quantum: of('quantum', newer(amount, new DecimalClass('0.01'))),
}));

const attachedOf = (held: Allocation): Reader<AttachedDevice> => {
  const ids = new Set([...held.values()].flatMap((amounts) => [...amounts.keys()]));
  return object((of) => ({
    device_id: of(
      'device_id',
      such(text, (id) => ids.has(id), 'a device that the kernel has'),
    ),
    model_name: of('model_name', newer(text, '')),
    data: of('data', newer(table(number), {})),
  }));
};

const answers = (held: Allocation): Reader<DeviceAnswers> =>
  object((of) => {
    const environ = of('environ', some(such(text, isHarmlessVariable, 'NAME=VALUE of a variable that loads nothing')));
    const runtime = of('runtime', newer(nullable(text), null));
    return {
      arguments: {
        environ,
        nodes: of('nodes', some(such(text, isDeviceFile, 'a path below /dev'))),
        networks: of('networks', some(such(text, isOwnNetwork, 'a name of a network that somebody has made'))),
        hooks: of('hooks', some(such(text, isPlainPath, 'an absolute path'))),
        mounts: of(
          'mounts',
          some(
            object((mount) => ({
              source: mount('source', such(text, isPlainPath, 'an absolute path')),
              target: mount('target', such(text, isPlainPath, 'an absolute path')),
            })),
          ),
        ),
        requests: of(
          'requests',
          some(
            object((request) => ({
              driver: request('driver', text),
              ids: request('ids', list(text)),
              capabilities: request('capabilities', some(text)),
            })),
          ),
        ),
        ...(runtime === null ? {} : { runtime }),
      },
      resourceData: of(
        'data',
        some((value, place) => {
          const [name, content] = pair(value, place);
          const isOwn = ownLines.test(name) || !dataForm.test(name);
          if (isOwn) throw new JsonFormError(place, 'a line that a plugin may write, such as NPU_IDS');
          return [name, oneLine(content, place)] as const;
        }),
      ),
      attached: of('attached', some(attachedOf(held))),
    };
  });

/** Below `/dev`, without a way out of it; the engine takes a colon for the end of the path. */
const isDeviceFile = (path: string): boolean =>
  path.startsWith('/dev/') && normalize(path) === path && !/[\0:]/.test(path);

/** Those of the engine itself lead to the host. */
const isOwnNetwork = (name: string): boolean =>
  /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(name) && !['host', 'none', 'bridge', 'default'].includes(name);

/** Without a way out, and without what ends a path for the engine or the loader. */
const isPlainPath = (path: string): boolean =>
  path.startsWith('/') && path.length <= maxPath && normalize(path) === path && !/[\0\s:,]/.test(path);

const isHarmlessVariable = (entry: string): boolean => variableForm.test(entry) && !loaders.test(entry);

const hardware: Reader<HardwareInfo | null> = nullable(
  object((of) => ({
    status: of('status', oneOf(['healthy', 'degraded', 'offline', 'unavailable'])),
    status_info: of('status_info', newer(nullable(words), null)),
    metadata: of('metadata', newer(table(words), {})),
  })),
);

/** Reads what `discover` says. Throws JsonFormError, SyntaxError. */
export const readDescription = (json: string): PluginDescription => description(parse(json), 'what discover() answers');

/** Reads what `answer` says about what a kernel has. Throws JsonFormError, SyntaxError. */
export const readAnswers = (json: string, held: Allocation): DeviceAnswers =>
  answers(held)(parse(json), 'what answer() answers');

/** Reads what `hardware` says. Throws JsonFormError, SyntaxError. */
export const readHardware = (json: string): HardwareInfo | null => hardware(parse(json), 'what hardware() answers');

function parse(json: string): unknown {
  if (json.length > maxBytes) throw new JsonFormError('the answer', `at most ${maxBytes} characters`);
  return JSON.parse(json);
}

/** What the map is made of. */
export const slotDevicesOf = ({ units, slotTypes: types }: PluginDescription): readonly SlotDevice[] => {
  const typeOf = new Map(types);
  return units.map(({ device, slot, amount: most }) => ({
    id: device.id,
    slot,
    type: typeOf.get(slot) ?? 'count',
    amount: most,
  }));
};
