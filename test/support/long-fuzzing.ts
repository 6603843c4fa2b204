/** Nightly: properties that don't say how many cases they are tried with get ten times the usual number. */
import fc from 'fast-check';
import { fuzzRuns } from './depth.ts';

fc.configureGlobal({ numRuns: fuzzRuns(100) });
