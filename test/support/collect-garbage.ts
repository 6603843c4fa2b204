/** A garbage collection at the moment that a test wants one. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
// The contexts that exist already don't get it.
export const collectGarbage = runInNewContext('gc') as () => void;
