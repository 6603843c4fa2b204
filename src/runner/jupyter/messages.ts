/**
 * Messages of Jupyter's protocol on the wire (version 5.3, "The wire protocol"): signed frames of JSON. Pure; what a kernel
 * sends is the tenant's, so what is not exactly a message is none.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { object, otherwise, type Reader, readOrNull, text } from '../../lib/json-reader.ts';

/** What identifies a message; a reply carries the whole header of its request. */
export type Header = Readonly<Record<string, unknown>>;

/** A message that came in. */
export interface Message {
  readonly type: string;
  readonly header: Header;
  /** The id of the message that it answers, or empty. */
  readonly parentId: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/** A message to be sent. */
export interface OutgoingMessage {
  readonly id: string;
  readonly type: string;
  readonly content: Readonly<Record<string, unknown>>;
  /** Of the message that it answers; absent for a request. */
  readonly parent?: Header;
}

const delimiter = Buffer.from('<IDS|MSG>');
const protocolVersion = '5.3';
/** Routers put the names of their peers in front, and publishers a topic. */
const maxPrefixFrames = 16;

/** Signs what goes out and checks what comes in, by the key of the connection file. */
export class MessageFormat {
  readonly #key: string;
  readonly #session: string;

  constructor(key: string, session: string) {
    this.#key = key;
    this.#session = session;
  }

  /** The frames of a message, sent at `time` (milliseconds since the epoch). */
  encode({ id, type, content, parent = {} }: OutgoingMessage, time: number): Buffer[] {
    const header: Header = {
      msg_id: id,
      session: this.#session,
      username: 'kernelet',
      date: new Date(time).toISOString(),
      msg_type: type,
      version: protocolVersion,
    };
    const parts = [header, parent, {}, content].map((part) => Buffer.from(JSON.stringify(part)));
    return [delimiter, Buffer.from(this.#signature(parts)), ...parts];
  }

  /** Reads the frames of a message; null when they are none, or when somebody else has signed them. */
  decode(frames: readonly Buffer[]): Message | null {
    const start = frames.slice(0, maxPrefixFrames).findIndex((frame) => frame.equals(delimiter));
    const [signature, ...parts] = start < 0 ? [] : frames.slice(start + 1, start + 6);
    if (!signature || parts.length < 4 || !this.#isSigned(signature, parts)) return null;
    const [header, parent, , content] = parts.map((part) => readOrNull(record, part.toString()));
    const type = header && readField(header, 'msg_type');
    if (!header || !content || !type) return null;
    return { type, header, parentId: readField(parent ?? {}, 'msg_id'), content };
  }

  #signature(parts: readonly Buffer[]): string {
    const digest = createHmac('sha256', this.#key);
    for (const part of parts) digest.update(part);
    return digest.digest('hex');
  }

  #isSigned(signature: Buffer, parts: readonly Buffer[]): boolean {
    const expected = Buffer.from(this.#signature(parts));
    return signature.length === expected.length && timingSafeEqual(signature, expected);
  }
}

const record: Reader<Header> = (value, place) => {
  object(() => null)(value, place);
  return value as Header;
};

const readField = (header: Header, name: string): string => otherwise(text, '')(header[name], name);
