/** Images of the dummy engine. */
import { KerneletError } from '../../lib/errors.ts';
import type { EngineImage } from '../engine.ts';

/** An image for tests: what `change` leaves out is plain. */
export function dummyImage(reference: string, change: Partial<EngineImage> = {}): EngineImage {
  return {
    id: `sha256:${Buffer.from(reference).toString('hex').padEnd(64, '0').slice(0, 64)}`,
    references: [withTag(reference)],
    digests: [],
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    labels: {},
    environ: ['PATH=/usr/local/bin:/usr/bin:/bin'],
    command: [],
    volumes: [],
    sizeBytes: 1_000_000,
    createdAt: '2026-01-01T00:00:00Z',
    ...change,
  };
}

/** Images by id, with the rules of engines for names: a name leads to one image. */
export class DummyImages {
  readonly #images = new Map<string, EngineImage>();

  add(image: EngineImage): void {
    for (const reference of image.references) this.#untag(reference);
    this.#images.set(image.id, image);
  }

  list(): readonly EngineImage[] {
    return [...this.#images.values()];
  }

  /** Finds one by reference or id. Throws IMAGE_NOT_FOUND. */
  get(reference: string): EngineImage {
    const image = this.#find(reference);
    if (image) return image;
    throw new KerneletError('IMAGE_NOT_FOUND', `image ${reference} is not on this machine`, {
      context: { image: reference },
    });
  }

  tag(reference: string, newReference: string): void {
    const image = this.get(reference);
    this.#untag(newReference);
    const current = this.get(image.id);
    this.#images.set(image.id, { ...current, references: [...current.references, withTag(newReference)] });
  }

  /** Takes the reference away, and the image with its last one. */
  remove(reference: string): void {
    const image = this.#find(reference);
    if (!image) return;
    if (image.id === reference || image.references.length < 2) this.#images.delete(image.id);
    else this.#untag(reference);
  }

  #find(reference: string): EngineImage | undefined {
    return this.#images.get(reference) ?? this.list().find((image) => image.references.includes(withTag(reference)));
  }

  #untag(reference: string): void {
    const tag = withTag(reference);
    for (const image of this.list()) {
      if (!image.references.includes(tag)) continue;
      this.#images.set(image.id, { ...image, references: image.references.filter((other) => other !== tag) });
    }
  }
}

function withTag(reference: string): string {
  const name = reference.slice(reference.lastIndexOf('/') + 1);
  return name.includes(':') || name.includes('@') ? reference : `${reference}:latest`;
}
