// Bundles a program for the pinned Node.
import { rolldown } from 'rolldown';

const importOfBuiltin = /^import (.+) from "(node:[a-z/_0-9]+)";$/gm;

/**
 * An `import` of one of Node's own modules reads every export of it, and some are getters that load a great deal:
 * `node:http` with its WebSocket takes 35 ms and 18 MB, in every command and in the daemon. Bundled code takes what it
 * names and no more.
 */
const leanBuiltins = {
  name: 'lean-builtins',
  renderChunk(code) {
    const lean = code.replace(importOfBuiltin, (_, names, module) => {
      const [, whole, named] = /^(?:(?:\* as )?([\w$]+))?(?:, )?({.+})?$/.exec(names) ?? [];
      const source = `process.getBuiltinModule("${module}")`;
      const lines = [whole, named?.replaceAll(' as ', ': ')].filter((name) => name !== undefined);
      return lines.map((name) => `const ${name} = ${source};`).join(' ');
    });
    if (/^import .*"node:/m.test(lean)) throw new Error('an import of a module of Node has an unknown form');
    // One such character makes two bytes of every one of the file, as long as the process lives.
    return lean.replace(
      /[\u0100-\uffff]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
  },
};

/**
 * The server's library knows HTTP/2 too, which nobody speaks on our socket: 12 ms and 9 MB for the name of a class. etcd
 * is spoken to by it, in a cluster.
 */
const noHttp2 = {
  name: 'no-http2',
  resolveId: (source, importer) =>
    /^(node:)?http2$/.test(source) && !/\/@connectrpc\//.test(importer ?? '') ? 'no-http2' : null,
  load: (id) => (id === 'no-http2' ? 'export class Http2ServerRequest {}\nexport const constants = {};\n' : null),
};

/** Error texts in fifty languages, of which English is used. */
const englishOnly = {
  name: 'english-only',
  resolveId: (source, importer) =>
    /\/locales\/index\.(js|cjs)$/.test(source) && /\/zod\//.test(importer ?? '') ? 'no-locales' : null,
  load: (id) => (id === 'no-locales' ? 'export {};\n' : null),
};

/**
 * Writes the entries into a folder, code that they share in chunks beside them.
 *
 * @param {Readonly<Record<string, string>>} input
 * @param {string} dir
 */
export async function bundle(input, dir) {
  const build = await rolldown({
    input,
    platform: 'node',
    external: ['koffi', /^zeromq/],
    logLevel: 'warn',
    plugins: [noHttp2, englishOnly],
  });
  await build.write({
    dir,
    format: 'esm',
    sourcemap: false,
    minify: false,
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    plugins: [leanBuiltins],
  });
  await build.close();
}
