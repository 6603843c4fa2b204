/** An error under the class name that the manager shall see; only this door throws it. */
import type { FailureName } from './failure-names.ts';

/** `TypeError`, `KeyError` and the like, with the text that goes into the parentheses of its `repr`. */
export class RpcFailure extends Error {
  /** The class name, as in Python. */
  readonly className: FailureName;

  constructor(className: FailureName, message: string) {
    super(message);
    this.name = 'RpcFailure';
    this.className = className;
  }
}
