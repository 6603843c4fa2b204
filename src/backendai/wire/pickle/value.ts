/** What a pickle describes, never carried out: classes are names, and a call is what would have been called with what. */

/** A value in a pickle. */
export type PickleValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | readonly PickleValue[]
  | ReadonlyMap<PickleValue, PickleValue>
  | PickleClass
  | PickleObject;

/** A class or function, by the name under which it was pickled. */
export class PickleClass {
  readonly module: string;
  readonly name: string;
  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }
  /** `module.name`. */
  get path(): string {
    return `${this.module}.${this.name}`;
  }
}

/** An object that a pickle would have made: a class, its arguments, and the state that is laid on afterwards. */
export class PickleObject {
  readonly class: PickleClass;
  readonly args: readonly PickleValue[];
  state: PickleValue = null;
  constructor(made: PickleClass, args: readonly PickleValue[]) {
    this.class = made;
    this.args = args;
  }
}

/** Bytes that are no pickle of the forms that occur. */
export class PickleError extends Error {
  override readonly name = 'PickleError';
}
