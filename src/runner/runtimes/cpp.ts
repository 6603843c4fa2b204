/** C++, by the first C++ compiler that the image has. */
import { compiledRuntime } from './compiled.ts';

/** C++ programs; built, not interpreted, so that queries share no state. */
export const cpp = compiledRuntime({
  type: 'cpp',
  title: 'C++',
  dialect: 'c++',
  suffixes: ['.cpp', '.cc', '.cxx', '.c++', '.C'],
  tools: ['g++', 'c++', 'clang++'],
});
