/** From what happens to kernels to the events that managers read (spec cluster-state 4.5). Pure. */

import type { KernelEvent } from '../../events/kernel-event.ts';
import type { EndReason } from '../../protocol/run-event.ts';
import type { EncodedEvent } from '../redis/event-stream.ts';
import { type AgentEventFields, type AgentEventName, eventArguments, eventSource } from '../wire/events/agent-event.ts';
import type { CreationInfo } from '../wire/events/creation-info.ts';
import { encodeMsgpack } from '../wire/msgpack/encode.ts';

/** What is said where no exit code is known, as upstream says it of everything. */
const unknownExitCode = -1;
const nothingYet: Readonly<Record<string, never>> = {};

/** An event with its arguments encoded; `source` is the agent's id. */
export function encodeAgentEvent<Name extends AgentEventName>(
  name: Name,
  source: string,
  fields: AgentEventFields[Name],
): EncodedEvent {
  return { name, source, args: encodeMsgpack(eventArguments(name, fields)) };
}

/** The event of the stream; null for what managers have no event for. `info` is called for a kernel that has started. */
export function wireEvent(event: KernelEvent, source: string, info: () => CreationInfo): EncodedEvent | null {
  const { kernelId: kernel, sessionId: session } = event;
  const creation = { kernel, session, reason: '', info: nothingYet };
  switch (event.type) {
    case 'kernel-preparing':
      return encodeAgentEvent('kernel_preparing', source, creation);
    case 'kernel-pulling':
      return encodeAgentEvent('kernel_pulling', source, { ...creation, reason: event.image });
    case 'kernel-creating':
      return encodeAgentEvent('kernel_creating', source, creation);
    case 'kernel-started':
      return encodeAgentEvent('kernel_started', source, { ...creation, info: info() });
    case 'kernel-terminated': {
      const exitCode = event.exitCode ?? unknownExitCode;
      return encodeAgentEvent('kernel_terminated', source, { kernel, session, reason: event.reason, exitCode });
    }
    case 'execution-started':
      return encodeAgentEvent('execution_started', source, { session });
    case 'execution-finished':
      return encodeAgentEvent(endOfExecution(event.reason), source, { session });
    case 'model-health': {
      const name = 'model_service_status_updated';
      const status = event.healthy ? 'healthy' : 'unhealthy';
      return encodeAgentEvent(name, eventSource(name, source), { kernel, session, model: event.model, status });
    }
    // Managers know of none of these.
    case 'overuse':
    case 'device-difference':
      return null;
  }
}

/** Each of them lets the manager's idle timer run again. */
function endOfExecution(reason: EndReason): 'execution_timeout' | 'execution_cancelled' | 'execution_finished' {
  if (reason === 'time-limit') return 'execution_timeout';
  return reason === 'cancelled' ? 'execution_cancelled' : 'execution_finished';
}
