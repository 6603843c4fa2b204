/** The definition of models in a virtual folder (spec kernel-lifecycle 20, kernel-runner 13). Pure. */
import { z } from 'zod';
import { shellCommand } from '../../../protocol/kernel-services.ts';

/** A number, also as a text, as upstream takes it. */
const numeric = <Type extends z.ZodType>(type: Type) =>
  z.preprocess((value) => (typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value), type);

const action = z.strictObject({ action: z.string(), args: z.record(z.string(), z.unknown()) });

const healthCheck = z.strictObject({
  path: z.string(),
  max_retries: numeric(z.int().min(1).nullable()).default(10),
  max_wait_time: numeric(z.number().min(0).nullable()).default(5),
  expected_status_code: numeric(z.int().min(100).max(999).nullable()).default(200),
});

const service = z
  .strictObject({
    pre_start_actions: z.array(action).nullable().default([]),
    start_command: z.union([z.string().min(1), z.array(z.string()).min(1)]),
    /** For a command that is one text. */
    shell: z.string().min(1).default('/bin/bash'),
    port: numeric(z.int().min(1).max(65_535)),
    health_check: healthCheck.nullable().default(null),
  })
  .transform(({ shell, start_command: command, ...rest }) => ({
    ...rest,
    start_command: typeof command === 'string' ? shellCommand(command, shell) : command,
  }));

const model = z.strictObject({
  name: z.string().min(1),
  model_path: z.string().min(1),
  service: service.nullable().default(null),
  metadata: z.looseObject({}).nullable().optional(),
});

/** A definition; what it gives is one again. */
export const modelDefinition = z.strictObject({ models: z.array(model).min(1).max(16) });

/** A model as its definition has it. */
export type DefinedModel = z.output<typeof model>;

/** What the process that reads definitions answers. */
export const definitionAnswer = z.union([modelDefinition, z.strictObject({ problem: z.string() })]);
