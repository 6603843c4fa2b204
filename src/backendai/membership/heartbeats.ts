/** What heartbeats are made of: nothing of it is asked for at the moment of a beat (spec cluster-state 5.1, 5.2). */
import type { Agent } from '../../agent/agent.ts';
import { type NodeResources, reportedResources } from '../../agent/node-resources.ts';
import type { ImageView } from '../../images/image-service.ts';
import { version } from '../../lib/installation.ts';
import { imageLabels } from '../../protocol/image-contract.ts';
import type { HeartbeatSender } from '../redis/heartbeat-sender.ts';
import { eventArguments } from '../wire/events/agent-event.ts';
import { compressImages, type HeartbeatFacts, heartbeatInfo } from '../wire/events/info-maps.ts';
import { machineName } from '../wire/machine-name.ts';
import { encodeMsgpack } from '../wire/msgpack/encode.ts';
import type { MemberParts } from './member-parts.ts';

/** Gathers what heartbeats say, so that each can be made without waiting. */
export class Heartbeats {
  /** Resolves when the first one has reached Redis. */
  readonly first: Promise<void>;
  readonly #parts: MemberParts;
  /** In Z85; null: calls come in plain text. */
  readonly #publicKey: string | null;
  readonly #sender: HeartbeatSender;
  readonly #blob = new ImageBlob();
  #images: ImageList = [];
  #degraded = '';

  constructor(parts: MemberParts, publicKey: string | null) {
    this.#parts = parts;
    this.#publicKey = publicKey;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.first = promise;
    const { settings, redis } = parts;
    this.#sender = redis.heartbeats(settings.debug.heartbeatIntervalMs, () => this.#arguments(), resolve);
  }

  /** Sends until the signal aborts. */
  run(signal: AbortSignal): Promise<void> {
    return this.#sender.run(signal);
  }

  /** Says something new of the node at once. */
  sendNow(): void {
    this.#sender.sendNow();
  }

  /** Says at once that the node lacks something else than before. */
  tellDegraded(): void {
    const modes = this.#parts.node.agent.degraded.map(({ mode }) => mode).join();
    if (modes !== this.#degraded) this.sendNow();
    this.#degraded = modes;
  }

  /** Lists the images that there are; says so at once when they have changed. */
  async refreshImages(agent: Pick<Agent, 'images'>, signal: AbortSignal): Promise<void> {
    const before = this.#images;
    this.#images = reportedImages(await agent.images(signal));
    if (JSON.stringify(before) !== JSON.stringify(this.#images)) this.sendNow();
  }

  /** The encoded arguments of a heartbeat, of what is known now. */
  #arguments(): Uint8Array {
    const { settings, identity, addresses, node } = this.#parts;
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
        degraded: Object.fromEntries(node.agent.degraded.map(({ mode, detail }) => [mode, detail])),
      },
      reportedResources(node.devices),
      this.#blob.of(this.#images),
      process.arch,
    );
    return encodeMsgpack(eventArguments('agent_heartbeat', { info: heartbeatInfo(facts) }));
  }
}

/** What does not come from the agent's state. */
type HeartbeatIdentity = Omit<HeartbeatFacts, 'slots' | 'computePlugins' | 'images' | 'architecture'>;

/** The facts; `images` is the list in its form on the wire. */
export function heartbeatFacts(
  identity: HeartbeatIdentity,
  { slots, plugins }: Pick<NodeResources, 'slots' | 'plugins'>,
  images: Uint8Array,
  architecture: string,
): HeartbeatFacts {
  return {
    ...identity,
    slots: Object.fromEntries(slots.map(({ slot, type, available }) => [slot, [type, available] as const])),
    computePlugins: plugins,
    images,
    architecture: machineName(architecture),
  };
}

/** Names and ids of the images that managers may order: those with a label of ours, under each of their names. */
export function reportedImages(images: readonly ImageView[]): readonly (readonly [name: string, id: string])[] {
  return images
    .filter(({ labelled, labels, reference }) => labelled && isServed(labels) && !reference.includes('<none>'))
    .map(({ reference, id }) => [reference, id]);
}

const isServed = (labels: ImageView['labels']): boolean => (labels[imageLabels.kernelspec] ?? '1') === '1';

type ImageList = readonly (readonly [name: string, id: string])[];

/** The list of images in its form on the wire, made anew only when the list has changed. */
export class ImageBlob {
  #list: string | null = null;
  #blob: Uint8Array = new Uint8Array();

  /** A zlib stream, also of an empty list. */
  of(images: ImageList): Uint8Array {
    const list = JSON.stringify(images);
    if (list !== this.#list) {
      this.#blob = compressImages(images);
      this.#list = list;
    }
    return this.#blob;
  }
}
