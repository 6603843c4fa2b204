/** A node that is alone, with clients of its API and of its command line. */
import { randomUUID } from 'node:crypto';
import { callApi } from '../support/local-api.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';
import type { ChaosNode, ClientAction } from './chaos-node.ts';
import type { Expectations } from './expectations.ts';

const printed = `${'x'.repeat(100_000)}\n`;

export class AloneNode implements ChaosNode {
  readonly asked: NodeUnderTest;
  readonly troubles = [];

  private constructor(node: NodeUnderTest) {
    this.asked = node;
  }

  static async open(dockerHost: string): Promise<AloneNode> {
    return new AloneNode(await NodeUnderTest.started({ dockerHost }));
  }

  get isServing(): boolean {
    return this.asked.isServing;
  }

  get lastWords(): string {
    return this.asked.daemonErrors.slice(-2_000);
  }

  async replaceDaemon(): Promise<void> {
    await this.asked.endDaemon('SIGKILL');
    await this.asked.startDaemon();
  }

  create(): Promise<string> {
    return this.asked.create('--lang', 'python');
  }

  async python(id: string, code: string): Promise<string> {
    const { status, text, stderr } = await this.asked.run(['exec', id, '-c', code]);
    if (status !== 0) throw new Error(`exec ended with status ${status}: ${stderr}`);
    return text;
  }

  creation(kernels: Expectations): ClientAction {
    const begin = async (): Promise<void> => {
      const id = randomUUID();
      const { status } = await this.#call('POST', '', { id, language: 'python', publish: [8000] });
      if (status === 201) kernels.mustRun(id);
      else kernels.mustBeGone(id);
    };
    return { name: 'create', begin };
  }

  actionsOn(id: string, kernels: Expectations): readonly ClientAction[] {
    const remove = async (): Promise<void> => {
      kernels.mayEnd(id);
      if ((await this.#call('DELETE', `/${id}`)).status === 200) kernels.mustBeGone(id);
    };
    const restart = async (): Promise<void> => {
      kernels.mayEnd(id);
      await this.#call('POST', `/${id}/restart`, {});
    };
    const exec = async (): Promise<void> => {
      const { status, text } = await this.asked.run(['exec', id, '-c', 'print("x" * 100_000)']);
      const isTrue = status === 0 ? text === printed : printed.startsWith(text);
      if (!isTrue) kernels.lie(`exec printed ${text.length} bytes with status ${status}, not ${printed.length}`);
    };
    return [
      { name: 'remove', begin: remove },
      { name: 'restart', begin: restart },
      { name: 'exec', begin: exec },
    ];
  }

  /** What is asked of every node is all that there is. */
  async problems(): Promise<readonly string[]> {
    return [];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.asked[Symbol.asyncDispose]();
  }

  #call(method: string, place: string, body?: object) {
    return callApi(this.asked.socket, method, `/v1/kernels${place}`, body === undefined ? {} : { body });
  }
}
