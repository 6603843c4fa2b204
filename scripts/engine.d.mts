/** Types of `engine.mjs`. */
export function ensureEngine(options?: {
  keep?: boolean;
  log?: (text: string) => void;
  folder?: string;
}): Promise<{ dockerHost: string; own: boolean; stop(): Promise<void> }>;
