/** A node's agent for tests of the interfaces: real kernels on the dummy engine, with runners that say what the test scripts. */
import { join } from 'node:path';
import type { AgentParts, EventStore } from '../../src/agent/agent-parts.ts';
import { DefaultAgent } from '../../src/agent/default-agent.ts';
import { OciRuntimes } from '../../src/agent/oci-runtimes.ts';
import { type EventLog, openEventLog } from '../../src/events/event-log.ts';
import type { KernelEvent } from '../../src/events/kernel-event.ts';
import { ImageService } from '../../src/images/image-service.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/lib/log.ts';
import { OperationTimes } from '../../src/lib/operation-times.ts';
import { assembleStatistics } from '../../src/main/assemble-statistics.ts';
import { thisMachine } from '../../src/main/engine-backends.ts';
import type { RunScript } from '../../src/runner-client/scripted-runner.ts';
import { localFiles } from './foreign-files.ts';
import { type FixtureOptions, KernelsFixture } from './kernels-fixture.ts';
import { RecordingRunner } from './recording-runner.ts';

const idle: RunScript = async function* () {
  yield [{ kind: 'started' }];
  yield [{ kind: 'finished', exitCode: 0, reason: 'exited' }];
};

/** The fixture. Disposing it ends the agent and deletes its folder. */
export class AgentFixture implements AsyncDisposable {
  readonly agent: DefaultAgent;
  readonly facts: AgentParts['facts'];
  readonly kernels: KernelsFixture;
  readonly runners: readonly RecordingRunner[];
  /** Sets up the runners of the next kernels. */
  prepareRunner: (runner: RecordingRunner) => void = () => {};
  /** What the next runs say. */
  script: RunScript = idle;

  private constructor(
    kernels: KernelsFixture,
    facts: AgentParts['facts'],
    agent: DefaultAgent,
    runners: readonly RecordingRunner[],
  ) {
    this.kernels = kernels;
    this.facts = facts;
    this.agent = agent;
    this.runners = runners;
  }

  /** Starts one; runners are scripted unless the options connect real ones. */
  static async start(options: FixtureOptions = {}): Promise<AgentFixture> {
    const runners: RecordingRunner[] = [];
    const made: { fixture?: AgentFixture } = {};
    const { parts, kernels } = await testAgentParts({
      ...options,
      parts: {
        connectRunner: () => {
          const runner = new RecordingRunner(() => made.fixture?.script ?? idle);
          made.fixture?.prepareRunner(runner);
          runners.push(runner);
          return runner;
        },
        ...options.parts,
      },
    });
    const agent = new DefaultAgent(parts);
    made.fixture = new AgentFixture(kernels, parts.facts, agent, runners);
    await agent.start({ retry: false });
    return made.fixture;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent[Symbol.asyncDispose]();
    await this.kernels.remove();
  }
}

/**
 * What an agent is made of on the dummy engine, and the kernels below it. The agent lets go of both; the folder is for
 * `kernels.remove()` to delete.
 */
export async function testAgentParts(
  options: FixtureOptions,
): Promise<{ readonly parts: AgentParts; readonly kernels: KernelsFixture }> {
  const made: { kept?: EventLog } = {};
  const kernels = await KernelsFixture.open({ ...options, onEvent: (event) => made.kept?.publish(event) });
  const kept = await openEventLog({ path: kernels.folder, writes: kernels.state.writes }, systemClock, silentLogger);
  made.kept = kept;
  const events: EventStore = {
    publish: (event) => {
      (kernels.events as KernelEvent[]).push(event);
      kept.publish(event);
    },
    hasEnded: () => false,
    hasToldEnd: () => false,
    forget: () => {},
    hasFinished: () => false,
    read: (options, signal) => kept.read(options, signal),
  };
  const { registry, scratch } = kernels.kernels;
  await scratch.prepare();
  const common = { engine: kernels.engine, events, clock: systemClock, log: silentLogger };
  const parts: AgentParts = {
    ...common,
    kernels: registry,
    images: new ImageService(kernels.engine),
    statistics: await assembleStatistics({
      ...common,
      host: thisMachine,
      engineMounts: [],
      maxDescriptors: 256,
      settings: { listen: null, periodMs: 60_000, adaptive: false, source: 'engine' },
      folder: join(kernels.folder, 'statistics'),
      kernels: registry,
      devices: kernels.devices,
      scratchFolder: (id) => scratch.paths(id).root,
      scratchLimitBytes: null,
      sink: null,
    }),
    operations: new OperationTimes(systemClock),
    scratchLimitBytes: null,
    checkMounts: options.checkMounts ?? (async (mounts) => mounts),
    files: localFiles,
    fitLimits: async () => ({ limits: { diskBytes: null, openFiles: null }, warnings: [] }),
    assertRoom: options.assertRoom ?? (async () => {}),
    defaults: {
      cpus: 1,
      memoryBytes: 256 * 2 ** 20,
      processes: 64,
      network: 'bridge',
      pull: 'never',
      idleTimeoutMs: null,
      onIdle: 'end',
      homeBytes: null,
      bitsPerSecond: null,
      user: { uid: 1000, gid: 1000 },
      ociRuntime: null,
      writableRoot: 'always',
      homeInMemory: false,
      agentSocket: false,
      socketProxies: [],
    },
    ociRuntimes: new OciRuntimes({ names: [], trials: null, clock: systemClock, log: silentLogger }),
    capacity: { cpus: 8, memoryBytes: 64 * 2 ** 30, slots: kernels.devices.known },
    devices: kernels.devices,
    release: async () => {
      await kernels[Symbol.asyncDispose]();
      await kept[Symbol.asyncDispose]();
    },
    facts: {
      version: '0',
      mode: 'cluster',
      agentId: kernels.state.agentId,
      stateDir: kernels.folder,
      disk: async () => (kernels.state.writes.stalled ? 'stalled' : 'ok'),
      hungFileSystems: () => [],
      looks: { descriptors: () => null, memory: () => null, clock: () => null },
      slots: () => ({ cpus: none, memoryBytes: none, ports: none }),
      invariantViolations: () => kernels.invariantViolations.snapshot(),
    },
  };
  return { parts, kernels };
}

const none = { total: 0, used: 0 };
