/** Hosts device plugins of which the test writes the text; what it leaves is ended after each test. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { hostedPlugin } from '../../src/devices/hosted-plugin.ts';
import type { NodePlugin } from '../../src/devices/node-plugin.ts';
import type { PluginSource } from '../../src/devices/plugin-source.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { Decimal } from '../../src/lib/decimal.ts';
import { silentLogger } from '../../src/lib/log.ts';
import type { Allocation } from '../../src/resources/allocation.ts';

const never = new AbortController().signal;

/** What the plugin of most tests says of itself: two devices, of which a kernel holds the first. */
export const description = `{ key: 'npu', slotTypes: [['npu.device', 'count']], devices: [{ id: 'n0', slot: 'npu.device' }, { id: 'n1', slot: 'npu.device' }] }`;
export const held: Allocation = new Map([['npu.device', new Map([['n0', new Decimal(1)]])]]);

/** Imports that `marked` needs. */
export const writing = "import { existsSync, writeFileSync } from 'node:fs';\n";

/** Sources that are ended after each test of the file: those that the test puts there. */
export function endedAfterTests(): PluginSource[] {
  const open: PluginSource[] = [];
  afterEach(async () => {
    for (const source of open.splice(0)) await source[Symbol.asyncDispose]?.();
  });
  return open;
}

/** The plugin that a source finds. Throws when it finds none. */
export async function look(source: PluginSource): Promise<NodePlugin> {
  const plugin = await source.discover(never);
  if (!plugin) throw new Error('it is off');
  return plugin;
}

/** Registers what makes and ends them with the tests of the file. */
export function usingHostedPlugins() {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kernelet-plugin-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  // Registered last, it comes first.
  const open = endedAfterTests();

  async function sourceOf(text: string, timeoutMs = 5_000, clock: Clock = systemClock): Promise<PluginSource> {
    const specifier = join(folder, `${Math.random()}.mjs`);
    await writeFile(specifier, text);
    const options = { specifier, from: folder, options: { count: '2' }, log: silentLogger, timeoutMs, clock };
    const source = hostedPlugin(options);
    open.push(source);
    return source;
  }
  const host = async (text: string, timeoutMs?: number): Promise<NodePlugin> =>
    await look(await sourceOf(text, timeoutMs));
  return {
    folder: () => folder,
    open,
    sourceOf,
    /** Hosts a module of this text. */
    host,
    /** Hosts one that answers so. */
    answering: (answer: string, timeoutMs?: number): Promise<NodePlugin> =>
      host(
        `export const discover = () => (${description});\nexport const answer = (asked) => { ${answer} };`,
        timeoutMs,
      ),
    /** A statement of a plugin that leaves a mark, after which the test may let time pass. */
    marked: (): string => `writeFileSync(${JSON.stringify(join(folder, 'mark'))}, '');`,
    mark: (): Promise<void> => expect.poll(() => existsSync(join(folder, 'mark')), { timeout: 20_000 }).toBe(true),
  };
}
