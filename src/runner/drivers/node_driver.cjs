/**
 * Answers queries in JavaScript and keeps their state: the driver of the `nodejs` runtime (driver-protocol.ts). It
 * runs on the image's own Node, from 16 on, so it is plain CommonJS. With the argument `typescript` it takes the types of
 * queries away first.
 *
 * V8 evaluates in the mode of its own consoles (`replMode`): `await` at the top, `let`, `const` and `class` that may
 * be declared again, and the value of the last statement. It runs below `vm`, which can break a busy loop at SIGINT;
 * a SIGINT in the tenths of a millisecond in which `vm` takes the signal over or gives it back may get lost or, as in
 * Node's own console, end the process. A call that the signal itself ended, such as `spawnSync`, would end in them, and
 * the interrupt would reach the next query: after a long call `vm`'s thread gets the time to act. A query that waits is
 * also interrupted by the line on the channel.
 */
'use strict';
const { Buffer } = require('node:buffer');
const inspector = require('node:inspector');
const { createRequire, stripTypeScriptTypes } = require('node:module');
const net = require('node:net');
const path = require('node:path');
const { performance } = require('node:perf_hooks');
const process = require('node:process');
const { setImmediate } = require('node:timers');
const { promiseHooks } = require('node:v8');
const vm = require('node:vm');
const { addBuiltins, complete } = require('./node_support/globals.cjs');
const { rewriteImports, importer } = require('./node_support/dynamic_import.cjs');
const { bundleOf, formsOf, largest } = require('./node_support/display.cjs');
const { cutStacks, describeError, describeSyntaxError, nameAndMessage } = require('./node_support/errors.cjs');

// A query may give the names of globals to something else.
const { parse, stringify } = JSON;
const { defineProperty, keys } = Object;

const isTypeScript = process.argv[2] === 'typescript';
const interruptedStatus = 130;
const longCallMs = 30;
const signalTimeMs = 5;
const { wait } = Atomics;
const sleeper = new Int32Array(new SharedArrayBuffer(4));
const channel = new net.Socket({ fd: 3, readable: true, writable: true });
const session = new inspector.Session();
session.connect();

/** The query that runs: its id, how many came before it, and `end` to say how it went; null between queries. */
let current = null;
let count = 0;
const queue = [];
/**
 * The promise of each evaluation until it is settled, for some for ever: when V8 collects one, it tells the inspector
 * in the middle of its garbage collection, and Node ends with a fatal error.
 */
const evaluations = new Map();

function send(message) {
  channel.write(`${stringify(message)}\n`);
}

/** What user code writes is written when the call returns: before the next line of the protocol, or `process.exit`. */
function writeAtOnce() {
  for (const stream of [process.stdout, process.stderr]) stream._handle?.setBlocking?.(true);
}

function say(text) {
  process.stderr.write(`${text}\n`);
}

/** Tells of the error that the query ends with; of another one, and between queries, on standard error. */
function tell(error, text = describeError(error)) {
  const isFirst = current && !current.hasTold;
  if (!isFirst || text.length > largest) say(text);
  if (!isFirst) return;
  current.hasTold = true;
  send({ ev: 'error', ...nameAndMessage(error), traceback: text.length > largest ? '' : `${text}\n` });
}

/** Shows a value; one that is text alone is output when it is too long for one. */
function show(role, value) {
  const bundle = bundleOf(value);
  const { 'text/plain': text, ...others } = bundle;
  if (text?.length > largest && keys(others).length === 0) process.stdout.write(`${text}\n`);
  else send({ ev: 'display', role, forms: formsOf(bundle) });
}

/** The value that the inspector speaks of. */
function localValue(remote) {
  if (remote.objectId === undefined) {
    if (remote.type === 'undefined') return undefined;
    return remote.unserializableValue === undefined ? remote.value : vm.runInThisContext(remote.unserializableValue);
  }
  let taken;
  defineProperty(globalThis, takeName, { configurable: true, value: (value) => (taken = value) });
  session.post('Runtime.callFunctionOn', {
    objectId: remote.objectId,
    functionDeclaration: `function (value) { globalThis[${stringify(takeName)}](value); }`,
    arguments: [{ objectId: remote.objectId }],
    silent: true,
  });
  delete globalThis[takeName];
  return taken;
}
const takeName = '\u200bkernelet take';

/** TypeScript as JavaScript, of the same lines and columns. Throws what is wrong with it, or that this Node can't. */
function withoutTypes(code) {
  if (!stripTypeScriptTypes) throw new Error(`Node 22.13 or later takes types away: this is ${process.version}`);
  const { emitWarning } = process;
  // That it is experimental is no affair of the query's.
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(code);
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** An object literal is not a block. */
function asExpression(code) {
  if (!/^\s*\{/.test(code) || /;\s*$/.test(code)) return code;
  try {
    new vm.Script(`(${code}\n)`);
    return `(${code}\n)`;
  } catch {
    return code;
  }
}

function execute({ id, code }) {
  count += 1;
  const name = `query-${count}`;
  const query = { id, ended: false };
  query.end = (exitCode) => {
    if (query.ended) return;
    query.ended = true;
    // Rejections that nobody handles are told after the microtasks: they still belong to this query.
    setImmediate(() => {
      const status = query.failed ? 1 : exitCode || (process.exitCode ?? 0) & 0xff;
      process.exitCode = undefined;
      current = null;
      session.post('Runtime.releaseObjectGroup', { objectGroup: name });
      send({ ev: 'done', id, exitCode: status });
      next();
    });
  };
  current = query;
  let script = code;
  try {
    if (isTypeScript) script = withoutTypes(code);
  } catch (error) {
    tell(error, `Uncaught ${error.name}: ${error.message}`);
    query.end(1);
    return;
  }
  const expression = `${rewriteImports(asExpression(script))}\n//# sourceURL=${name}`;
  const evaluate = () => {
    const startedAt = performance.now();
    const hold = promiseHooks.onInit((promise) => {
      hold();
      evaluations.set(query, promise);
    });
    const parameters = { expression, replMode: true, awaitPromise: true, objectGroup: name };
    session.post('Runtime.evaluate', parameters, (error, answer) => {
      evaluations.delete(query);
      if (!query.ended && !error) answered(query, answer, code, name);
    });
    hold();
    if (performance.now() - startedAt > longCallMs) wait(sleeper, 0, 0, signalTimeMs);
  };
  defineProperty(globalThis, evaluateName, { configurable: true, value: evaluate });
  try {
    evaluateScript.runInThisContext({ breakOnSigint: true });
  } catch (error) {
    if (error?.code !== 'ERR_SCRIPT_EXECUTION_INTERRUPTED') throw error;
    interrupt();
  } finally {
    delete globalThis[evaluateName];
  }
}
const evaluateName = '\u200bkernelet evaluate';
const evaluateScript = new vm.Script(`globalThis[${stringify(evaluateName)}]()`);

function answered(query, { result, exceptionDetails }, code, name) {
  try {
    const value = localValue(exceptionDetails?.exception ?? result);
    if (exceptionDetails) {
      const atParsing = exceptionDetails.exception?.className === 'SyntaxError' && !exceptionDetails.stackTrace;
      if (atParsing) tell(value, describeSyntaxError(value, exceptionDetails, code, name));
      else tell(value);
      query.end(1);
      return;
    }
    if (value !== undefined) show('result', value);
    globalThis._ = value;
    query.end(0);
  } catch (error) {
    tell(error); // a method of the user's that shows a value
    query.end(1);
  }
}

function interrupt() {
  if (!current || current.ended) return;
  tell(new Error('the query was interrupted'), 'Uncaught Error: the query was interrupted');
  current.end(interruptedStatus);
}

/** Errors outside any query's own call: they fail the query that runs, and end it, as they would end a program. */
function stray(error) {
  tell(error);
  if (!current) return;
  current.failed = true;
  current.end(1);
}

function next() {
  if (current) return;
  const message = queue.shift();
  if (message) execute(message);
}

function receive(message) {
  if (message.op === 'execute') {
    queue.push(message);
    next();
  } else if (message.op === 'interrupt') {
    if (current?.id === message.id) interrupt();
  } else if (message.op === 'complete') {
    let matches = [];
    try {
      matches = complete(session, message.code.slice(0, message.cursor));
    } catch {
      // Nothing to offer.
    }
    send({ ev: 'completion', id: message.id, matches });
  }
}

/** One `toJSON` for every object would change each message to the inspector and the runner, and hang the query. */
function keepMessages() {
  defineProperty(Object.prototype, 'toJSON', {
    get: () => undefined,
    set(value) {
      if (this === Object.prototype)
        throw new TypeError('a query cannot give every object a toJSON: define it on a class');
      defineProperty(this, 'toJSON', { configurable: true, enumerable: true, writable: true, value });
    },
  });
}

function prepare() {
  process.argv = [process.execPath];
  globalThis.require = createRequire(path.join(process.cwd(), 'query'));
  globalThis.exports = {};
  globalThis.module = {
    exports: globalThis.exports,
    filename: null,
    id: '<query>',
    paths: globalThis.require.resolve.paths('x'),
  };
  addBuiltins(globalThis);
  const display = (...values) => {
    for (const value of values) show('display', value);
  };
  defineProperty(globalThis, 'display', { configurable: true, enumerable: false, writable: true, value: display });
  cutStacks();
  keepMessages();
  writeAtOnce();
  defineProperty(globalThis, importer.name, { value: importer.load });
  process.on('SIGINT', interrupt);
  process.on('uncaughtException', stray);
  process.on('unhandledRejection', stray);
}

let pieces = [];
channel.on('data', (chunk) => {
  pieces.push(chunk);
  if (!chunk.includes(10)) return;
  const lines = Buffer.concat(pieces).toString().split('\n');
  pieces = [Buffer.from(lines.pop())];
  for (const line of lines) receive(parse(line));
});
channel.on('end', () => process.exit());
channel.on('error', () => process.exit());
prepare();
send({ ev: 'ready' });
