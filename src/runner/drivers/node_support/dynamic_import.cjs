/**
 * `import(…)` in queries: V8's console mode has no loader for it, so the call goes to a function of ours, whose name
 * has as many letters: positions in stack traces stay true.
 */
'use strict';
const { createRequire } = require('node:module');
const path = require('node:path');
const process = require('node:process');
const { pathToFileURL } = require('node:url');
const vm = require('node:vm');

const name = '__impt';
const beforeRegex =
  /(?:^|[([{,;=:!&|?~+\-*%<>^}]|\b(?:return|typeof|case|in|of|delete|void|throw|new|do|else|await|yield))$/;

/** The code with each call of `import` replaced; strings, templates, comments and regular expressions are left alone. */
function rewriteImports(code) {
  if (!/\bimport\s*\(/.test(code)) return code;
  let out = '';
  let at = 0;
  const braces = []; // for each open brace: whether it ends a template's expression
  const take = (end) => {
    out += code.slice(at, end);
    at = end;
  };
  const template = () => {
    while (at < code.length) {
      if (code[at] === '\\') take(at + 2);
      else if (code[at] === '`') return take(at + 1);
      else if (code.startsWith('${', at)) {
        braces.push(true);
        return take(at + 2);
      } else take(at + 1);
    }
  };
  while (at < code.length) {
    const rest = code.slice(at);
    const skipped = /^(?:\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*")/.exec(rest);
    const word = /^[\p{ID_Start}$_][\p{ID_Continue}$]*/u.exec(rest);
    if (skipped) take(at + skipped[0].length);
    else if (rest[0] === '`') {
      take(at + 1);
      template();
    } else if (rest[0] === '{') {
      braces.push(false);
      take(at + 1);
    } else if (rest[0] === '}') {
      const ofTemplate = braces.pop();
      take(at + 1);
      if (ofTemplate) template();
    } else if (rest[0] === '/' && beforeRegex.test(out.trimEnd())) {
      const regex = /^\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\//.exec(rest);
      take(at + (regex ? regex[0].length : 1));
    } else if (word) {
      const called = word[0] === 'import' && /^import\s*\(/.test(rest) && !/(?:^|[^.])\.\s*$/.test(out);
      if (called) {
        out += name;
        at += word[0].length;
      } else take(at + word[0].length);
    } else take(at + 1);
  }
  return out;
}

/** Where Node has a loader for scripts, it resolves from the working folder as for a file there. */
function byNode() {
  const loader = vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  if (!loader) return null;
  const filename = path.join(process.cwd(), 'query');
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning, ...rest) => {
    if (!`${warning}`.includes('USE_MAIN_CONTEXT_DEFAULT_LOADER')) emitWarning.call(process, warning, ...rest);
  };
  return new vm.Script('(specifier, options) => import(specifier, options)', {
    filename,
    importModuleDynamically: loader,
  }).runInThisContext();
}

function byHand() {
  const { resolve } = createRequire(path.join(process.cwd(), 'query'));
  return async (specifier) => {
    const text = `${specifier}`;
    if (/^(?:node|file|data|https?):/.test(text)) return import(text);
    const found = resolve(text);
    return import(path.isAbsolute(found) ? pathToFileURL(found).href : found);
  };
}

module.exports = { rewriteImports, importer: { name, load: byNode() ?? byHand() } };
