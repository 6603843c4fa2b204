/**
 * Marks among the engine's data, as labels of volumes that nothing uses: of all that an engine keeps they cost the least, and
 * they come and go with its data folder, as neither its id does (it may lie beside the folder) nor its address.
 */
import { pathSegment } from './names.ts';
import { fields, text, textMap } from './replies.ts';
import type { EngineRequest } from './transport.ts';
import type { VersionedTransport } from './versioned-transport.ts';

const markLabel = 'ai.kernelet.mark';

/** The marks of an engine. */
export class DockerMarks {
  readonly #transport: VersionedTransport;

  constructor(transport: VersionedTransport) {
    this.#transport = transport;
  }

  async read(name: string, signal: AbortSignal): Promise<string | null> {
    const request: EngineRequest = {
      method: 'GET',
      path: `/volumes/${pathSegment(name)}`,
      what: `look for the mark ${name}`,
      idempotent: true,
      accept: [404],
    };
    const { status, value } = await this.#transport.json(request, signal);
    return status === 404 ? null : text(textMap(fields(value), 'Labels'), markLabel) || null;
  }

  /** The labels of a volume are those that it was made with. */
  async leave(name: string, mark: string, signal: AbortSignal): Promise<void> {
    await this.remove(name, signal);
    const request: EngineRequest = {
      method: 'POST',
      path: '/volumes/create',
      what: `leave the mark ${name}`,
      json: { Name: name, Driver: 'local', Labels: { [markLabel]: mark } },
    };
    await this.#transport.json(request, signal);
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    const request: EngineRequest = {
      method: 'DELETE',
      path: `/volumes/${pathSegment(name)}`,
      what: `remove the mark ${name}`,
      idempotent: true,
      accept: [404],
    };
    await this.#transport.json(request, signal);
  }
}
