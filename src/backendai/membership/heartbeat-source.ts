/** What heartbeats are made of: nothing of it is asked for at the moment of a beat (spec cluster-state 5.1, 5.2). */
import type { Agent } from '../../agent/agent.ts';
import { reportedResources } from '../../agent/node-resources.ts';
import { version } from '../../lib/version.ts';
import { heartbeatFacts, reportedImages } from '../operations/heartbeat-of.ts';
import { ImageBlob, type ImageList } from '../redis/image-blob.ts';
import { eventArguments } from '../wire/events/agent-event.ts';
import { heartbeatInfo } from '../wire/events/heartbeat.ts';
import { encodeMsgpack } from '../wire/msgpack/encode.ts';
import type { ClusterParts } from './cluster-parts.ts';

/** The source. */
export class HeartbeatSource {
  readonly #parts: Pick<ClusterParts, 'settings' | 'identity' | 'addresses' | 'built'>;
  /** In Z85; null: calls come in plain text. */
  readonly #publicKey: string | null;
  readonly #blob = new ImageBlob();
  #images: ImageList = [];

  constructor(parts: Pick<ClusterParts, 'settings' | 'identity' | 'addresses' | 'built'>, publicKey: string | null) {
    this.#parts = parts;
    this.#publicKey = publicKey;
  }

  /** Looks which images there are; says whether they are others than before. */
  async lookAtImages(agent: Pick<Agent, 'images'>, signal: AbortSignal): Promise<boolean> {
    const before = this.#images;
    this.#images = reportedImages(await agent.images(signal));
    return JSON.stringify(before) !== JSON.stringify(this.#images);
  }

  /** The encoded arguments of a heartbeat, of what is known now. */
  arguments(): Uint8Array {
    const { settings, identity, addresses, built } = this.#parts;
    const facts = heartbeatFacts(
      {
        ip: addresses.ip,
        region: identity.region,
        scalingGroup: identity.scalingGroup,
        address: addresses.rpcAddress,
        publicKey: this.#publicKey,
        publicHost: addresses.publicHost,
        version,
        autoTerminateAbusing: settings.agent.forceTerminateAbusingContainers,
      },
      reportedResources(built.devices),
      this.#blob.of(this.#images),
      process.arch,
    );
    return encodeMsgpack(eventArguments('agent_heartbeat', { info: heartbeatInfo(facts) }));
  }
}
