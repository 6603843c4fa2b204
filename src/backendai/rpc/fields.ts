/** Values that several methods take or give (spec rpc 8). */
import { z } from 'zod';
import type { RegistryAuth } from '../../engine/engine.ts';
import type { KernelId, SessionId } from '../../lib/ids.ts';
import type { MsgpackValue } from '../wire/msgpack/value.ts';

const uuidText = z
  .string()
  .regex(/^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, { error: 'badly formed hexadecimal UUID string' })
  .transform((text) => text.toLowerCase());

/** A kernel's id: a UUID in any case, taken in lower case. */
export const kernelId = uuidText.transform((text) => text as KernelId).meta({ title: 'UUID' });
/** A session's id: a UUID in any case, taken in lower case. */
export const sessionId = uuidText.transform((text) => text as SessionId).meta({ title: 'UUID' });
/** Bytes. */
export const bytes = z
  .custom<Uint8Array>((value) => value instanceof Uint8Array, { error: 'expected bytes' })
  .meta({ title: 'bytes' });
/** Any value but an absent one, as MessagePack carries it. */
export const anything = z
  .custom<MsgpackValue>((value) => value !== undefined, { error: 'expected a value' })
  .meta({ title: 'any' });
/** A map of anything by name. */
export const anyMap = z.record(z.string(), anything);
/** A map of texts by name, such as labels and environment variables. */
export const textMap = z.record(z.string(), z.string());
/** A map with these keys, none of them needed, and others: what is no map at all, as bytes are, is refused. */
export function openMap<Shape extends z.ZodRawShape>(shape: Shape) {
  const fields = z.looseObject(shape);
  return z.record(z.string(), z.unknown()).pipe(fields as z.ZodType<z.output<typeof fields>, Record<string, unknown>>);
}

/** The result of methods that answer with nil. */
export const nothing = z.null();
/** A TCP port; 0 stands for none. */
export const port = z.int().min(0).max(65_535);

/** What upstream's `ImageRef` holds: the parts of a reference. */
export const imageReference = z.strictObject({
  registry: z.string(),
  project: z.string().nullable(),
  name: z.string(),
  tag: z.string(),
  architecture: z.string(),
  is_local: z.boolean(),
});

/** How a registry is reached. The password is never logged. */
export const registry = z.looseObject({
  name: z.string(),
  url: z.string(),
  username: z.string().nullable(),
  password: z.string().nullable(),
});

/** What is known of an image; managers of other releases add keys. */
export const imageConfig = z.looseObject({
  canonical: z.string(),
  digest: z.string(),
  repo_digest: z.string().nullable(),
  registry,
  labels: textMap,
  architecture: z.string(),
  is_local: z.boolean(),
  project: z.string().nullable().optional(),
  auto_pull: z.string().optional(),
});

/** A service port of a kernel; definitions of the image add keys. */
export const servicePort = z.looseObject({
  name: z.string(),
  protocol: z.string(),
  container_ports: z.array(port),
  host_ports: z.array(port.nullable()),
  is_inference: z.boolean(),
});

/** The ports of a running kernel. */
export const kernelPorts = {
  container_id: z.string(),
  repl_in_port: port,
  repl_out_port: port,
  stdin_port: port,
  stdout_port: port,
  service_ports: z.array(servicePort),
} as const;

/** A background task that was started. */
export const taskId = z.string();
/** The release of a manager's third style of methods: one map of arguments. */
export const emptyRequest = z.strictObject({});

/** The name: registry, project and name, where there are, with the tag. */
export function canonicalName({ registry: host, project, name, tag }: z.output<typeof imageReference>): string {
  return `${[host, project, name].filter(Boolean).join('/')}:${tag}`;
}

/** Credentials, when there are both halves of them. */
export function credentials({ username, password, name }: z.output<typeof registry>): RegistryAuth | null {
  return username && password ? { username, password, serverAddress: name } : null;
}
