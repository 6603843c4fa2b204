/** C. An image that names a C++ compiler for it gets C all the same. */
import { compiledRuntime } from './compiled.ts';

/** C programs; built, not interpreted, so that queries share no state. */
export const c = compiledRuntime({
  type: 'c',
  title: 'C',
  dialect: 'c',
  suffixes: ['.c'],
  tools: ['gcc', 'cc', 'clang', 'g++'],
});
