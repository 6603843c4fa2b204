/** A scripted runner that keeps what it was asked, for tests. */
import { ScriptedRunner } from '../../src/runner-client/scripted-runner.ts';

export class RecordingRunner extends ScriptedRunner {
  readonly requests: { readonly method: string; readonly params: unknown }[] = [];

  override async request(method: string, params: object | null): Promise<never> {
    this.requests.push({ method, params });
    return await super.request(method, params);
  }
}
