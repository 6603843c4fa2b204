/** What every file of end-to-end tests begins and ends with: an agent that the manager knows, and nothing left of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect } from 'vitest';
import { depth } from '../depth.ts';
import { AgentUnderTest } from './agent.ts';
import { ManagerClient } from './driver.ts';
import { eventually } from './eventually.ts';
import { type ManagerPlace, managerPlace } from './place.ts';
import { createSession, type ManagedSession } from './sessions.ts';

/** An agent as the manager's database has it. */
export interface AgentRow {
  readonly status: string;
  readonly scaling_group: string;
  readonly available_slots: Readonly<Record<string, string>>;
  readonly occupied_slots: Readonly<Record<string, string>>;
}

const agentQuery = `query($id: String!) { agent(agent_id: $id) {
  status scaling_group available_slots occupied_slots
} }`;

const parsed = <Value>(value: Value | string): Value => (typeof value === 'string' ? JSON.parse(value) : value);

export class Stage {
  readonly place: ManagerPlace = managerPlace();
  readonly #begun: ManagedSession[] = [];
  #client: ManagerClient | null = null;
  #admin: ManagerClient | null = null;
  #agent: AgentUnderTest | null = null;

  /** What a user does, whose sessions they are. */
  get client(): ManagerClient {
    if (!this.#client) throw new Error('the stage is not set yet');
    return this.#client;
  }

  get admin(): ManagerClient {
    if (!this.#admin) throw new Error('the stage is not set yet');
    return this.#admin;
  }

  get agent(): AgentUnderTest {
    if (!this.#agent) throw new Error('the stage is not set yet');
    return this.#agent;
  }

  /** Starts the agent and waits until the manager takes it for alive. */
  async open(id: string, curve: boolean): Promise<void> {
    this.#client = new ManagerClient(this.place, 'user');
    this.#admin = new ManagerClient(this.place, 'admin');
    this.#agent = await AgentUnderTest.start({ id, curve }, this.place);
    await this.untilAgentIs('ALIVE');
  }

  /** A session that is ended with the file at the latest. */
  async session(options: Readonly<Record<string, unknown>> = {}): Promise<ManagedSession> {
    const session = await createSession(this.client, options);
    this.#begun.push(session);
    return session;
  }

  /** What the manager knows of the agent. */
  async agentRow(): Promise<AgentRow | null> {
    const { agent } = await this.admin.call<{ agent: AgentRow | null }>('query', {
      query: agentQuery,
      variables: { id: this.agent.id },
    });
    return (
      agent && {
        ...agent,
        available_slots: parsed(agent.available_slots),
        // Before the first session there are none.
        occupied_slots: { cpu: '0', mem: '0', ...parsed(agent.occupied_slots) },
      }
    );
  }

  /** Waits until the manager has that status for the agent. */
  async untilAgentIs(status: string, seconds = 30): Promise<AgentRow> {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
      const row = await this.agentRow();
      if (row?.status === status) return row;
      if (Date.now() > deadline) {
        const log = (await this.agent.log()).slice(-3000);
        throw new Error(`the manager calls the agent ${row?.status}, not ${status}, after ${seconds} s\n${log}`);
      }
      await sleep(500);
    }
  }

  /** Waits until the manager counts no slot as taken. */
  async untilFree(): Promise<void> {
    await eventually(async () => expect((await this.agentRow())?.occupied_slots).toEqual({ cpu: '0', mem: '0' }));
  }

  /** Ends every session, and sees that neither the manager nor the engine has anything left of them. */
  async close(): Promise<void> {
    const { client, admin, agent } = this;
    try {
      for (const session of this.#begun) await session[Symbol.asyncDispose]();
      await eventually(async () => expect(await agent.containers()).toEqual([]));
      await this.untilFree();
    } finally {
      await agent[Symbol.asyncDispose]();
      await client[Symbol.asyncDispose]();
      await admin[Symbol.asyncDispose]();
    }
  }
}

/**
 * Sets the stage for the tests of a file. `id`: the agent's, which no other file may have. `curve`: whether its calls are
 * encrypted, as they all are at night.
 */
export function stageFor(id: string, { curve = depth === 'nightly' }: { readonly curve?: boolean } = {}): Stage {
  const stage = new Stage();
  beforeAll(() => stage.open(id, curve));
  afterAll(() => stage.close());
  return stage;
}
