/**
 * What an image's labels say to kernelet (spec kernel-lifecycle 2.1, kernel-runner 2.5). Labels are written by whoever
 * made the image, so nothing here throws: a label that can't be used is left out, with a problem that says why.
 */
import { parseByteSize } from '../lib/byte-size.ts';
import { didYouMean } from '../lib/nearest-name.ts';
import { labelPrefix } from '../protocol/image-contract.ts';
import { defaultRuntimeType, runtimeByType, runtimeTable } from '../protocol/runtimes.ts';
import { parseServicePorts, type ServicePort } from './service-ports.ts';

/** Session types that an image is for. */
export type ImageRole = 'COMPUTE' | 'INFERENCE' | 'SYSTEM';

/** What is wrong with one label. */
export interface LabelProblem {
  readonly label: string;
  readonly problem: string;
}

/** The labels of an image, read. */
export interface ImageContract {
  /** Whether the image has kernel labels at all. */
  readonly labelled: boolean;
  /** Version of the label contract; only 1 exists. */
  readonly kernelspec: number;
  /** `uid-match` runs the image with the tenant's ids; the rest informs people. */
  readonly features: readonly string[];
  readonly role: ImageRole | null;
  /** E.g. `ubuntu22.04`, or null: found by other means. */
  readonly baseDistro: string | null;
  /** One of the table of runtimes; null when the image names none that is known. */
  readonly runtimeType: string | null;
  /** Absolute path of the language's tool. */
  readonly runtimePath: string | null;
  readonly servicePorts: readonly ServicePort[];
  readonly endpointPorts: readonly string[];
  /** Variables that get the number of CPU cores. */
  readonly coreCountVariables: readonly string[];
  readonly minCpus: number | null;
  readonly minMemoryBytes: number | null;
  /** Minimum amounts of other slots (`cuda.shares`), as written. */
  readonly minOther: readonly (readonly [slot: string, amount: string])[];
  readonly sharedMemoryBytes: number | null;
  /** Accelerators that the image works with; null = any. */
  readonly accelerators: readonly string[] | null;
  readonly modelPath: string | null;
  readonly modelFormat: string | null;
  readonly problems: readonly LabelProblem[];
}

const minimumPrefix = 'resource.min.';
const defaultFeatures = ['uid-match'];
const maxValue = 4096;
const maxItems = 64;
const maxProblems = 50;

/** Labels of the contract that are not read here but are not mistakes either. */
const otherKnownLabels = ['system', 'version', 'kernelspec'];
const knownPrefixes = ['resource.', 'customized-image.', 'internal.'];
const readLabels = [
  'features',
  'role',
  'base-distro',
  'runtime-type',
  'runtime-path',
  'service-ports',
  'endpoint-ports',
  'envs.corecount',
  'resource.preferred.shmem',
  'accelerators',
  'model-path',
  'model-format',
] as const;

const variableName = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const serviceName = /^[\p{L}\p{N}_-]{1,128}$/u;
const featureName = /^[a-z0-9][a-z0-9-]{0,63}$/;
const distroName = /^[a-z][a-z-]{0,31}\d{0,4}(?:\.\d{1,4}){0,3}$/;
const slotName = /^[a-z][a-z0-9-]{0,31}(?:\.[a-z0-9-]{1,63})?$/;
const plainText = /^[\x20-\x7e]{1,256}$/;

/** Reads the labels of an image. Never throws; time and size of the result are bounded. */
export function readImageContract(labels: Readonly<Record<string, string>>): ImageContract {
  return new LabelReader(labels).read();
}

class LabelReader {
  readonly #labels: ReadonlyMap<string, string>;
  readonly #problems: LabelProblem[] = [];

  constructor(labels: Readonly<Record<string, string>>) {
    const own = Object.entries(labels).filter(([label]) => label.startsWith(labelPrefix));
    this.#labels = new Map(own.map(([label, value]) => [label.slice(labelPrefix.length), value]));
  }

  read(): ImageContract {
    const endpointPorts = this.#list('endpoint-ports', ',', serviceName, 'a name of a service');
    const contract = {
      labelled: this.#labels.size > 0,
      kernelspec: this.#kernelspec(),
      features: this.#labels.has('features')
        ? this.#list('features', ' ', featureName, 'a name of a feature')
        : defaultFeatures,
      role: this.#role(),
      baseDistro: this.#matching('base-distro', distroName, 'a distribution such as ubuntu22.04'),
      runtimeType: this.#runtimeType(),
      runtimePath: this.#path('runtime-path'),
      servicePorts: this.#servicePorts(endpointPorts),
      endpointPorts,
      coreCountVariables: this.#list('envs.corecount', ',', variableName, 'a name of a variable'),
      minCpus: this.#minCpus(),
      minMemoryBytes: this.#size(`${minimumPrefix}mem`),
      minOther: this.#minOther(),
      sharedMemoryBytes: this.#size('resource.preferred.shmem'),
      accelerators: this.#accelerators(),
      modelPath: this.#path('model-path'),
      modelFormat: this.#matching('model-format', plainText, 'printable text'),
    };
    this.#reportMistypedLabels();
    return { ...contract, problems: this.#problems };
  }

  #report(label: string, problem: string): null {
    if (this.#problems.length < maxProblems) {
      this.#problems.push({ label: `${labelPrefix}${label}`.slice(0, 128), problem });
    }
    return null;
  }

  /** The label's text; null when it is absent or too long. */
  #text(label: string): string | null {
    const text = this.#labels.get(label);
    if (text === undefined || text.length <= maxValue) return text ?? null;
    return this.#report(label, `is longer than ${maxValue} characters: ignored`);
  }

  #matching(label: string, form: RegExp, what: string): string | null {
    const text = this.#text(label)?.trim() ?? '';
    if (text === '') return null;
    return form.test(text) ? text : this.#report(label, `${quote(text)} is not ${what}: ignored`);
  }

  #list(label: string, separator: string, form: RegExp, what: string): readonly string[] {
    const words = (this.#text(label) ?? '').split(separator).map((word) => word.trim());
    const items = [...new Set(words.filter((word) => word !== ''))];
    const good = items.filter((item) => form.test(item));
    const bad = items.find((item) => !form.test(item));
    if (bad !== undefined) this.#report(label, `${quote(bad)} is not ${what}: ignored`);
    if (good.length > maxItems) this.#report(label, `has more than ${maxItems} items: the rest is ignored`);
    return good.slice(0, maxItems);
  }

  #kernelspec(): number {
    const text = this.#text('kernelspec')?.trim() ?? '1';
    if (text === '1') return 1;
    const version = /^\d{1,9}$/.test(text) ? Number(text) : 0;
    this.#report('kernelspec', `${quote(text)} is not 1, the only version of the labels that exists`);
    return version;
  }

  #role(): ImageRole | null {
    const text = this.#text('role')?.trim() ?? '';
    if (text === 'COMPUTE' || text === 'INFERENCE' || text === 'SYSTEM') return text;
    return text === '' ? null : this.#report('role', `${quote(text)} is not COMPUTE, INFERENCE or SYSTEM: ignored`);
  }

  #runtimeType(): string | null {
    const text = this.#text('runtime-type')?.trim() ?? '';
    if (text === '') return null;
    const known = runtimeByType(text);
    if (known !== null) return known.type;
    const types = runtimeTable.map((info) => info.type);
    const hint = didYouMean(text, types);
    return this.#report('runtime-type', `${quote(text)} is not a known runtime${hint}: ${defaultRuntimeType} is used`);
  }

  #path(label: string): string | null {
    const text = this.#text(label)?.trim() ?? '';
    if (text === '') return null;
    if (!text.startsWith('/')) return this.#report(label, `${quote(text)} is not an absolute path: ignored`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (/[\x00-\x1f\x7f]/.test(text)) return this.#report(label, 'has a control character: ignored');
    return text;
  }

  #servicePorts(endpoints: readonly string[]): readonly ServicePort[] {
    const { services, problems } = parseServicePorts(this.#text('service-ports') ?? '', endpoints);
    for (const problem of problems) this.#report('service-ports', problem);
    for (const endpoint of endpoints) {
      const found = services.find(({ name }) => name === endpoint);
      if (!found) this.#report('endpoint-ports', `${quote(endpoint)} is not a service of service-ports`);
      else if (found.protocol !== 'preopen') this.#report('endpoint-ports', `${quote(endpoint)} is not preopen`);
    }
    return services;
  }

  #minCpus(): number | null {
    const label = `${minimumPrefix}cpu`;
    const text = this.#text(label)?.trim() ?? '';
    if (text === '') return null;
    const cpus = /^\d{1,6}(?:\.\d{1,6})?$/.test(text) ? Number(text) : 0;
    return cpus > 0 ? cpus : this.#report(label, `${quote(text)} is not a number of CPUs: ignored`);
  }

  #size(label: string): number | null {
    const text = this.#text(label)?.trim() ?? '';
    if (text === '') return null;
    try {
      return parseByteSize(text);
    } catch {
      return this.#report(label, `${quote(text)} is not a size such as 128m or 1.5g: ignored`);
    }
  }

  #minOther(): readonly (readonly [string, string])[] {
    const others: [string, string][] = [];
    for (const label of this.#labels.keys()) {
      if (!label.startsWith(minimumPrefix)) continue;
      const slot = label.slice(minimumPrefix.length);
      if (slot === 'cpu' || slot === 'mem') continue;
      if (!slotName.test(slot)) {
        this.#report(label, 'is not a name of a resource: ignored');
        continue;
      }
      const amount = this.#matching(label, /^\d{1,15}(?:\.\d{1,6})?[kmgtpe]?$/i, 'an amount');
      if (amount === null) continue;
      if (others.length < maxItems) others.push([slot, amount]);
    }
    return others;
  }

  #accelerators(): readonly string[] | null {
    const text = this.#text('accelerators')?.trim() ?? '';
    if (text === '' || text === '*') return null;
    return this.#list('accelerators', ',', featureName, 'a name of an accelerator');
  }

  #reportMistypedLabels(): void {
    const known: readonly string[] = [...readLabels, ...otherKnownLabels];
    for (const label of this.#labels.keys()) {
      if (this.#problems.length >= maxProblems) return;
      if (known.includes(label) || knownPrefixes.some((prefix) => label.startsWith(prefix))) continue;
      this.#report(label, `is not a label of the contract${didYouMean(label.slice(0, 64), known)}: ignored`);
    }
  }
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
