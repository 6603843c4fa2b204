/** What runners of older generations lack, which a request is refused for. Pure. */
import {
  generation2,
  generation3,
  generation4,
  generation5,
  generation6,
  type RunnerRequest,
} from '../protocol/agent-frames.ts';
import type { ExecuteRequest } from '../protocol/execute-request.ts';
import { mainContext } from '../protocol/kernel-contexts.ts';

/** The first generation whose runners can do something, and what older ones lack. */
export interface Need {
  readonly generation: number;
  /** Ends a sentence about such a runner. */
  readonly lack: string;
}

const contexts: Need = { generation: generation4, lack: `has no context beside \`${mainContext}\`` };
const processes: Need = {
  generation: generation4,
  lack: 'has no names, folders, variables or signals for programs, and no output that waits for nobody',
};

const terminals: Need = { generation: generation5, lack: 'has no terminals for programs' };
const ports: Need = { generation: generation6, lack: 'has no way to ports that are not published' };

/** Of work on files beside what every runner does. */
const fileWork: Need = {
  generation: generation6,
  lack: 'lists, sends and takes files, and does nothing else with them',
};

/** What a request needs that not every runner has; null: nothing. */
export function needOf(request: RunnerRequest): Need | null {
  switch (request.method) {
    case 'input':
      return request.params.text === null ? { generation: generation2, lack: 'knows no end of the input' } : null;
    case 'start-service':
    case 'stop-service':
    case 'apps':
      return { generation: generation3, lack: 'has no services' };
    case 'contexts':
    case 'create-context':
    case 'remove-context':
    case 'restart-context':
      return contexts;
    case 'execute':
      return ofExecution(request.params.request);
    case 'signal':
      return processes;
    case 'resize':
      return terminals;
    case 'connect':
    case 'listening-ports':
      return ports;
    case 'stat-file':
    case 'make-folder':
    case 'move-file':
    case 'remove-file':
    case 'unpack':
    case 'watch-folder':
      return fileWork;
    case 'upload':
      return request.params.path.endsWith('/') ? { generation: generation2, lack: 'makes no folders' } : null;
    case 'complete':
    case 'interrupt':
      return ofContext(request.params.context);
    default:
      return null;
  }
}

const ofContext = (name = mainContext): Need | null => (name === mainContext ? null : contexts);

function ofExecution(request: ExecuteRequest): Need | null {
  if (request.mode === 'query') return ofContext(request.context);
  if (request.mode === 'batch') return null;
  const { name, cwd, environ, stdin, output, tty, limits } = request;
  if (tty !== undefined) return terminals;
  if (limits !== undefined) return { generation: generation5, lack: 'has no limits for programs' };
  return [name, cwd, environ, stdin, output].some((option) => option !== undefined) ? processes : null;
}
