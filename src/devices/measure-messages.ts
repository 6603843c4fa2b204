/**
 * What a third party's plugin measures, and how that is checked: it speaks of its own devices and of the kernels that it
 * was asked about, under keys of its own.
 */
import { parseDecimal } from '../lib/decimal.ts';
import {
  JsonFormError,
  list,
  newer,
  nullable,
  object,
  oneOf,
  type Reader,
  such,
  table,
  text,
} from '../lib/json-reader.ts';
import {
  type DeviceHolder,
  type DeviceMeasure,
  type MeasuredAmount,
  measureStatistics,
  summed,
  wholeDeviceMeasure,
} from './device-plugin.ts';

/** Whom it may speak of. */
export interface MeasuredThings {
  readonly key: string;
  readonly deviceIds: ReadonlySet<string>;
  readonly holders: readonly DeviceHolder[];
}

const maxBytes = 256 * 2 ** 10;
const maxMeasures = 32;
/** It is written with all digits, in every round. */
const maxMeasured = 1e24;
const keyForm = /^[a-z0-9_-]{1,80}$/;
const unitForm = /^[\x20-\x7e]{1,16}$/;

const finite: Reader<number> = (value, place) => {
  const read = typeof value === 'number' ? value : parseDecimal(text(value, place), `${place}:`).toNumber();
  if (!(Math.abs(read) <= maxMeasured)) throw new JsonFormError(place, 'at most 1E+24');
  return read;
};
const measured: Reader<MeasuredAmount> = object((of) => ({
  value: of('value', finite),
  capacity: of('capacity', newer(nullable(finite), null)),
}));

/** Amounts by names that are known. */
function amountsOf(isKnown: (name: string) => boolean, what: string): Reader<ReadonlyMap<string, MeasuredAmount>> {
  return (value, place) => {
    const amounts = new Map(Object.entries(table(measured)(value, place)));
    for (const name of amounts.keys())
      if (!isKnown(name)) throw new JsonFormError(`${place}.${name.slice(0, 80)}`, what);
    return amounts;
  };
}

function measureReader({ key: plugin, deviceIds, holders }: MeasuredThings): Reader<DeviceMeasure> {
  const ids = new Map<string, DeviceHolder['kernel']>(holders.map(({ kernel }) => [kernel, kernel]));
  const pids = new Set(holders.flatMap((holder) => holder.pids.map(String)));
  const isOwn = (key: string): boolean => keyForm.test(key) && key.startsWith(`${plugin}_`);
  return object((of) => {
    const kind = {
      key: of('key', such(text, isOwn, `a name that begins with ${plugin}_`)),
      unit: of(
        'unit',
        such(text, (unit) => unitForm.test(unit), 'a unit of at most 16 characters'),
      ),
      filter: of('filter', newer(list(oneOf(measureStatistics)), [])),
      hook: of('hook', newer(nullable(oneOf(['rate', 'diff'] as const)), null)),
    };
    const devices = of(
      'devices',
      newer(
        amountsOf((id) => deviceIds.has(id), 'one of its devices'),
        new Map(),
      ),
    );
    const kernels = of(
      'kernels',
      newer(nullable(amountsOf((id) => ids.has(id), 'a kernel that it was asked about')), null),
    );
    const processes = of(
      'processes',
      newer(
        amountsOf((pid) => pids.has(pid), 'a process of a kernel that it was asked about'),
        new Map(),
      ),
    );
    const whole = wholeDeviceMeasure(kind, devices, holders);
    return {
      ...whole,
      processes: new Map([...processes].map(([pid, amount]) => [Number(pid), amount])),
      node: of('node', newer(measured, summed(devices.values()))),
      kernels:
        kernels === null
          ? whole.kernels
          : new Map([...kernels].map(([id, amount]) => [ids.get(id) ?? (id as never), amount])),
    };
  });
}

/** Reads what `measure` says. Throws JsonFormError, SyntaxError, INVALID_ARGUMENT. */
export function readMeasures(json: string, things: MeasuredThings): readonly DeviceMeasure[] {
  if (json.length > maxBytes) throw new JsonFormError('the answer', `at most ${maxBytes} characters`);
  const few = such(
    list(measureReader(things)),
    ({ length }) => length <= maxMeasures,
    `a list of at most ${maxMeasures}`,
  );
  const measures = nullable(few)(JSON.parse(json), 'what measure() answers') ?? [];
  const keys = new Set(measures.map(({ key }) => key));
  if (keys.size < measures.length) throw new JsonFormError('what measure() answers', 'without a key twice');
  return measures;
}
