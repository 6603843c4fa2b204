/** A node on a container engine of its own, for all tests of a file: the engine is theirs to end, to freeze and to start again. */
import { afterAll, beforeAll } from 'vitest';
import { ExtraEngine } from './extra-engine.ts';
import { NodeUnderTest } from './node-under-test.ts';

const startMs = 120_000;

/** What there is during the tests. */
export interface OwnEngine {
  readonly engine: ExtraEngine;
  readonly node: NodeUnderTest;
}

/** Starts both before the tests and ends them after these, with arguments of `dockerd` and a key of `[kernelet]`. */
export function onOwnEngine(more: readonly string[], setting: string, begin: (own: OwnEngine) => void): void {
  const made = new AsyncDisposableStack();
  beforeAll(async () => {
    const engine = made.use(await ExtraEngine.start(more));
    const configuration = `[kernelet]\n${setting}\n`;
    const node = made.use(await NodeUnderTest.started({ dockerHost: engine.dockerHost, configuration }));
    begin({ engine, node });
  }, startMs);
  afterAll(() => made.disposeAsync(), startMs);
}
