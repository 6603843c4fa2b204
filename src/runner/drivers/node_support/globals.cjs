/** The names that queries find: Node's modules without `require`, as in its own console, and what completes them. */
'use strict';
const { builtinModules } = require('node:module');

/** Defines each module as a global that is loaded when it is first used and gives way to a declaration. */
function addBuiltins(target) {
  for (const name of builtinModules) {
    if (/^_|[/:]/.test(name) || name in target) continue;
    const define = (value) =>
      Object.defineProperty(target, name, { configurable: true, enumerable: false, writable: true, value });
    Object.defineProperty(target, name, {
      configurable: true,
      enumerable: false,
      get() {
        const loaded = require(name);
        define(loaded);
        return loaded;
      },
      set: define,
    });
  }
}

const keywords =
  'await break case catch class const continue debugger default delete do else export extends false finally for ' +
  'function if import in instanceof let new null return super switch this throw true try typeof var void while yield';

const listNames = `function () {
  const names = new Set();
  for (let object = Object(this); object; object = Object.getPrototypeOf(object))
    for (const name of Object.getOwnPropertyNames(object)) names.add(name);
  return [...names];
}`;

/** Continuations of the dotted name at the end of `before`, whole; nothing that has an effect is evaluated. */
function complete(session, before) {
  const [, head = '', prefix = ''] =
    /((?:[\p{ID_Start}$_][\p{ID_Continue}$]*\.)*)([\p{ID_Continue}$]*)$/u.exec(before) ?? [];
  const names = head === '' ? globalNames(session) : propertyNames(session, head.slice(0, -1));
  const found = names.filter((name) => name.startsWith(prefix) && /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name));
  return [...new Set(found)]
    .sort()
    .slice(0, 1000)
    .map((name) => head + name);
}

function globalNames(session) {
  let lexical = [];
  session.post('Runtime.globalLexicalScopeNames', {}, (_error, answer) => {
    lexical = answer?.names ?? [];
  });
  return [...lexical, ...Object.getOwnPropertyNames(globalThis), ...keywords.split(' ')];
}

function propertyNames(session, expression) {
  let names = [];
  const quiet = { silent: true, throwOnSideEffect: true };
  session.post('Runtime.evaluate', { expression, ...quiet }, (error, answer) => {
    if (error || answer.exceptionDetails) return;
    const target = answer.result;
    const call = { functionDeclaration: listNames, returnByValue: true, silent: true };
    if (target.objectId) {
      session.post('Runtime.callFunctionOn', { ...call, objectId: target.objectId }, (_failed, listed) => {
        names = listed?.result?.value ?? [];
      });
    } else if (['string', 'number', 'boolean', 'bigint'].includes(target.type)) {
      const box = { string: String, number: Number, boolean: Boolean, bigint: BigInt }[target.type];
      names = Object.getOwnPropertyNames(box.prototype);
    }
  });
  return names;
}

module.exports = { addBuiltins, complete };
