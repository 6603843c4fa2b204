/** The list of images of a heartbeat in its form on the wire, made anew only when the list has changed. */
import { compressImages } from '../wire/events/heartbeat.ts';

/** Names and ids. */
export type ImageList = readonly (readonly [name: string, id: string])[];

/** The last list with its form. */
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
