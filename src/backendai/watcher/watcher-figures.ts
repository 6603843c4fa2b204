/** What the watcher counts, for Prometheus. */
import { exposition, expositionType, type Family, type Series } from '../../agent/metrics/exposition.ts';
import type { HungFileSystem } from '../../storage/file-systems/file-system-helper.ts';
import type { AgentStatus } from './agent-control.ts';
import type { Route } from './route.ts';

/** What is asked when it is scraped. */
export interface FigureSources {
  readonly agent: () => Promise<AgentStatus>;
  readonly hung: () => readonly HungFileSystem[];
}

export class WatcherFigures {
  /** By route and status, both of few. */
  readonly #requests = new Map<string, { readonly route: string; readonly status: number; count: number }>();

  count(route: string, status: number): void {
    const key = `${route} ${status}`;
    const entry = this.#requests.get(key) ?? { route, status, count: 0 };
    entry.count += 1;
    this.#requests.set(key, entry);
  }

  route({ agent, hung }: FigureSources): Route {
    return {
      method: 'GET',
      path: '/metrics',
      isAct: false,
      isJson: false,
      handle: async () => {
        // An agent whose state nobody knows has no series.
        const status = await agent().catch(() => null);
        const text = [...exposition(this.#families(status, hung()))].join('');
        return { status: 200, body: text, type: expositionType };
      },
    };
  }

  *#families(agent: AgentStatus | null, hung: readonly HungFileSystem[]): Generator<Family> {
    const requests: Series[] = [...this.#requests.values()].map(({ route, status, count }) => ({
      labels: { route, status: String(status) },
      value: count,
    }));
    const one = (name: string, type: 'gauge' | 'counter', help: string, value: number | undefined): Family => ({
      ...{ name, type, help },
      series: [{ value }],
    });
    yield {
      name: 'kernelet_watcher_requests_total',
      type: 'counter',
      help: 'Requests to the watcher.',
      series: requests,
    };
    yield one(
      'kernelet_watcher_agent_up',
      'gauge',
      'Whether the agent is active.',
      agent ? Number(agent.state === 'active') : undefined,
    );
    yield one(
      'kernelet_watcher_agent_restarts',
      'gauge',
      'How often the agent was started again after it had ended by itself.',
      agent?.restarts,
    );
    yield one('kernelet_watcher_hung_file_systems', 'gauge', 'File systems that do not answer.', hung.length);
    yield one('kernelet_watcher_memory_bytes', 'gauge', 'Memory of the watcher.', process.memoryUsage.rss());
  }
}
