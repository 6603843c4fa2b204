/**
 * The portable form of extension values: text, numbers and maps, as we send them where upstream sends pickles (spec rpc
 * 3.3), and as the methods take them.
 */
import { decodeMsgpack } from '../msgpack/decode.ts';
import type { Ext, MsgpackValue } from '../msgpack/value.ts';
import type { Extension, ImageReference } from './extension.ts';
import { readExtension } from './extension.ts';

/** Decodes one value with every known extension in portable form; unknown codes stay `Ext`. */
export function decodePlain(bytes: Uint8Array, options: { faithful?: boolean } = {}): MsgpackValue {
  return decodeMsgpack(bytes, { ...options, extension: plainExtension });
}

/** The portable form of one extension value. Throws ExtensionError or PickleError. */
export function plainExtension(ext: Ext): MsgpackValue {
  const extension = readExtension(ext);
  return extension === null ? ext : plain(extension);
}

/** How an image is named to the engine: short when it is local, with its registry otherwise (spec rpc 3.4). */
export function imageName({ registry, project, name, tag, isLocal }: ImageReference): string {
  const parts = (isLocal ? [project, name] : [registry, project, name]).filter((part) => part);
  return `${parts.join('/')}:${tag}`;
}

function plain(extension: Extension): MsgpackValue {
  switch (extension.kind) {
    case 'uuid':
    case 'datetime':
    case 'decimal':
    case 'slot-name':
    case 'path':
      return extension.text;
    case 'enum':
      return extension.value;
    case 'slots':
      return extension.slots;
    case 'binary-size':
      return extension.bytes;
    case 'image': {
      const { isLocal, ...fields } = extension.image;
      return { ...fields, is_local: isLocal };
    }
  }
}
