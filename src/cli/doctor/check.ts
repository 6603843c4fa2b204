/** The form of a check of `kernelet doctor`: one file each. */
import type { Settings } from '../../config/settings.ts';
import type { EngineInfo } from '../../engine/engine.ts';
import type { KerneletError } from '../../lib/errors.ts';

/** What a check found. `warning`: kernelet works, but less well. */
export interface Finding {
  readonly state: 'ok' | 'warning' | 'failed';
  /** What is so, in one sentence. */
  readonly detail: string;
  /** The command that fixes it. */
  readonly fix?: string;
  /** Does what `fix` says, where that is harmless. */
  readonly repair?: () => Promise<void>;
}

/** What checks know. */
export interface DoctorContext {
  readonly settings: Settings;
  /** The engine, or why it does not answer. */
  readonly engine: { readonly address: string; readonly info: EngineInfo } | KerneletError;
  readonly userId: number;
  /** Aborts when a check takes too long. */
  readonly signal: AbortSignal;
}

/** One check. */
export interface DoctorCheck {
  readonly name: string;
  /** Rejections count as failed. */
  run(context: DoctorContext): Promise<Finding>;
}

/** A finding without complaint. */
export const ok = (detail: string): Finding => ({ state: 'ok', detail });
/** A finding that something works less well. */
export const warning = (detail: string, fix: string): Finding => ({ state: 'warning', detail, fix });
/** A finding that something does not work. */
export const failed = (detail: string, fix: string): Finding => ({ state: 'failed', detail, fix });
