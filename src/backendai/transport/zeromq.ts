/**
 * The only module that loads ZeroMQ. The package's own loader tries builds for other runtimes first and warns on stderr when they
 * fail; here the one build for this platform is loaded, and put where the package looks for it.
 */
import Module, { createRequire } from 'node:module';
import path from 'node:path';
import { KerneletError } from '../../lib/errors.ts';

export type { Context, Dealer, Router, Socket } from 'zeromq';

/** The package by its types alone: `loadZeromq` loads it. */
export type ZeroMq = typeof import('zeromq');

let loaded: ZeroMq | undefined;

/** The package, loaded at its first use: a daemon that serves alone never pays for it. Throws NOT_SUPPORTED. */
export function loadZeromq(): ZeroMq {
  loaded ??= load();
  return loaded;
}

function load(): ZeroMq {
  const require = createRequire(import.meta.url);
  const folder = path.dirname(require.resolve('zeromq/package.json'));
  const build = path.join(folder, 'build', process.platform, process.arch, 'node', 'glibc-127-Release', 'addon.node');
  try {
    const loader = require.resolve('zeromq/lib/load-addon.js');
    const module = new Module(loader);
    module.exports = { __esModule: true, default: require(build) };
    module.loaded = true;
    require.cache[loader] = module;
    return require('zeromq') as ZeroMq;
  } catch (cause) {
    const platform = `${process.platform} ${process.arch}`;
    throw new KerneletError('NOT_SUPPORTED', `ZeroMQ cannot be loaded on ${platform} from ${build}`, { cause });
  }
}
