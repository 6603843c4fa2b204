/** The API as its clients see it: types alone, all of them those of the schemas that the server validates by. */
import type { z } from '@hono/zod-openapi';
import type { contextOperations } from './routes/contexts.ts';
import type { eventOperations } from './routes/events.ts';
import type { fileWorkOperations } from './routes/file-work.ts';
import type { fileOperations } from './routes/files.ts';
import type { imageOperations } from './routes/images.ts';
import type { keptOperations } from './routes/kept.ts';
import type { kernelOperations } from './routes/kernels.ts';
import type { logOperations } from './routes/logs.ts';
import type { portOperations } from './routes/ports.ts';
import type { resourceOperations } from './routes/resources.ts';
import type { runOperations } from './routes/runs.ts';
import type { serviceOperations } from './routes/services.ts';
import type { statsOperations } from './routes/stats.ts';
import type { statusOperations } from './routes/status.ts';

type ApiOperations = typeof statusOperations &
  typeof resourceOperations &
  typeof kernelOperations &
  typeof keptOperations &
  typeof runOperations &
  typeof contextOperations &
  typeof serviceOperations &
  typeof portOperations &
  typeof fileOperations &
  typeof fileWorkOperations &
  typeof logOperations &
  typeof eventOperations &
  typeof statsOperations &
  typeof imageOperations;

/** The name of an operation. */
export type OperationName = keyof ApiOperations;

/** Its method as HTTP writes it. */
export type ApiMethod<Name extends OperationName> = Uppercase<ApiOperations[Name]['method']>;

/** The document that it takes; never, where it takes none. */
export type ApiBody<Name extends OperationName> = ApiOperations[Name] extends {
  readonly body: infer Schema extends z.ZodType;
}
  ? z.input<Schema>
  : never;

type Reply<Name extends OperationName, MediaType extends string> = ApiOperations[Name]['reply'] extends {
  readonly [Type in MediaType]: infer Schema extends z.ZodType;
}
  ? z.output<Schema>
  : never;

/** The document that it answers with. */
export type ApiReply<Name extends OperationName> = Reply<Name, 'application/json'>;

/** The data of each event that it answers with; of long work, of its progress. */
export type ApiEvent<Name extends OperationName> = Reply<Name, 'text/event-stream'>;

export type Kernel = ApiReply<'inspectKernel'>;
export type Image = ApiReply<'inspectImage'>;
export type Run = ApiReply<'listRuns'>['runs'][number];
export type Context = ApiReply<'listContexts'>['contexts'][number];
/** What is kept of a kernel whose end nobody asked for. */
export type KeptFiles = ApiReply<'listKeptFiles'>['kept'][number];
/** Progress of long work, of creations and of images alike. */
export type Progress = ApiEvent<'createKernel'>;
/** What one kernel uses and has used. */
export type KernelFigures = ApiReply<'getStats'>['stats'][number];
/** What happened to a kernel. */
export type KernelEvent = ApiEvent<'followEvents'>;
/** What happened in a folder of a kernel. */
export type FileChange = ApiEvent<'watchFolder'>;
/** A path of a kernel, and what is there. */
export type FileFacts = ApiReply<'statFile'>;
