/** What runners of older generations lack, which a request is refused for. Pure. */
import {
  contextsGeneration,
  endOfInputGeneration,
  type RunnerRequest,
  servicesGeneration,
} from '../protocol/agent-frames.ts';
import { mainContext } from '../protocol/kernel-contexts.ts';

/** The first generation whose runners can do something, and what older ones lack. */
export interface Need {
  readonly generation: number;
  /** Ends a sentence about such a runner. */
  readonly lack: string;
}

const contexts: Need = { generation: contextsGeneration, lack: `has no context beside \`${mainContext}\`` };

/** What a request needs that not every runner has; null: nothing. */
export function needOf(request: RunnerRequest): Need | null {
  switch (request.method) {
    case 'input':
      return request.params.text === null
        ? { generation: endOfInputGeneration, lack: 'knows no end of the input' }
        : null;
    case 'start-service':
    case 'stop-service':
    case 'apps':
      return { generation: servicesGeneration, lack: 'has no services' };
    case 'contexts':
    case 'create-context':
    case 'remove-context':
    case 'restart-context':
      return contexts;
    case 'execute':
      return request.params.request.mode === 'query' ? ofContext(request.params.request.context) : null;
    case 'complete':
    case 'interrupt':
      return ofContext(request.params.context);
    default:
      return null;
  }
}

const ofContext = (name = mainContext): Need | null => (name === mainContext ? null : contexts);
