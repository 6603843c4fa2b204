/** C++. */
import { compiledRuntime } from './compiled.ts';

/** The C++ runtime. */
export const cpp = compiledRuntime({
  type: 'cpp',
  title: 'C++',
  dialect: 'c++',
  suffixes: ['.cpp', '.cc', '.cxx', '.c++', '.C'],
  tools: ['g++', 'c++', 'clang++'],
});
