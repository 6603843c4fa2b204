/** The kinds of vector files that are known. */
import type { VectorKind } from '../vector-kind.ts';
import { resources } from './resources.ts';
import { statistics } from './statistics.ts';

/** All kinds; the first that recognises a file runs it. */
export const kinds: readonly VectorKind[] = [resources, statistics];
