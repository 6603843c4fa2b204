/** Lua: any version whose program has a usual name. */
import { interpretedRuntime } from './interpreted.ts';

/** Lua programs, with Makefile and main.lua as batch steps. */
export const lua = interpretedRuntime({
  type: 'lua',
  title: 'Lua',
  tools: ['lua', 'lua5.4', 'lua5.3', 'luajit'],
  suffix: '.lua',
});
