/** Starting and stopping the agent, its engine and the machine (spec config-and-ops 18.2). One at a time. */
import type { Clock } from '../../lib/clock.ts';
import { Deadline } from '../../lib/deadline.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { Semaphore } from '../../lib/semaphore.ts';
import type { AgentControl } from './agent-control.ts';
import { done, type Route, type WatcherReply } from './route.ts';
import type { RunAsRoot } from './run-as-root.ts';
import type { Systemctl } from './systemctl.ts';

export interface AgentRoutesParts {
  readonly agent: AgentControl;
  readonly systemctl: Systemctl;
  readonly run: RunAsRoot;
  readonly softResetAvailable: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Managers give up after 5 s with a question, and after 20 s with an act. */
const statusMs = 4_000;
const actMs = 18_000;
/** A hard reset is no manager's: the engine may have many containers to see to. */
const hardResetMs = 180_000;
const engineUnit = 'docker.service';
/** From the reply to the shutdown, so that the caller has the one before the other. */
const beforeShutdownMs = 1_000;
const shutdownMs = 10_000;

export function agentRoutes(parts: AgentRoutesParts): readonly Route[] {
  const { agent, systemctl, clock } = parts;
  const semaphore = new Semaphore(1);
  const act = (path: string, work: (deadline: Deadline) => Promise<void>, timeoutMs = actMs): Route => ({
    method: 'POST',
    path,
    isAct: true,
    isJson: true,
    handle: async () => {
      using deadline = new Deadline({ what: 'another act on the agent', timeoutMs, clock });
      using _turn = await semaphore.acquire(deadline.signal);
      await work(deadline);
      return done;
    },
  });
  const ask = (path: string, answer: () => Promise<unknown>): Route => ({
    method: 'GET',
    path,
    isAct: false,
    isJson: true,
    handle: async (): Promise<WatcherReply> => ({ status: 200, body: await answer() }),
  });
  return [
    ask('/', async () => ({
      'agent-status': (await agent.status(statusMs)).state,
      'watcher-status': 'active',
    })),
    ask('/agent/status', () => agent.status(statusMs)),
    act('/agent/start', (deadline) => agent.start(deadline.remainingMs())),
    act('/agent/stop', (deadline) => agent.stop(deadline.remainingMs())),
    act('/agent/restart', (deadline) => agent.restart(deadline.remainingMs())),
    ...(parts.softResetAvailable ? [act('/soft-reset', (deadline) => agent.reload(deadline.remainingMs()))] : []),
    act(
      '/hard-reset',
      async (deadline) => {
        await agent.stop(deadline.remainingMs());
        try {
          await systemctl.act('restart', engineUnit, deadline.remainingMs());
        } finally {
          // Whatever came of the engine: an agent that is left stopped helps nobody.
          await agent.start(actMs);
        }
      },
      hardResetMs,
    ),
    act('/shutdown', async (deadline) => {
      await agent.stop(deadline.remainingMs());
      clock.after(beforeShutdownMs, () => void shutDown(parts));
    }),
  ];
}

/** Never rejects. */
async function shutDown({ run, log }: AgentRoutesParts): Promise<void> {
  log.warn('this machine is shut down, as it was asked for');
  const { exitCode, stderr } = await run('shutdown', ['-h', 'now'], shutdownMs);
  if (exitCode === 0) return;
  const error = new KerneletError('SERVICE_FAILED', `shutdown: ${stderr || `it ended with status ${exitCode}`}`);
  log.error('this machine could not be shut down', { error });
}
