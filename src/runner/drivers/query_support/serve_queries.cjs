/**
 * Of drivers that run on the volume's Node and have no interpreter: puts one query after the other to a function, by the
 * lines of driver-protocol.ts on descriptor 3.
 */
'use strict';
const net = require('node:net');
const process = require('node:process');

const interruptedStatus = 130;

/**
 * `answer(code, { show, signal })` does a query and resolves with its status; what it throws is the error that it ends with,
 * of status 1. `show` shows a value, bytes of a media type; the signal is aborted by an interrupt, whatever the query then does.
 */
function serveQueries(answer) {
  const channel = new net.Socket({ fd: 3, readable: true, writable: true });
  const send = (message) => channel.write(`${JSON.stringify(message)}\n`);
  const queue = [];
  let current = null;

  const show = (type, bytes) => {
    const isText = typeof bytes === 'string';
    const data = isText ? bytes : Buffer.from(bytes).toString('base64');
    send({ ev: 'display', role: 'result', forms: [{ type, encoding: isText ? 'text' : 'base64', data }] });
  };

  async function next() {
    if (current || queue.length === 0) return;
    const { id, code } = queue.shift();
    const stop = new AbortController();
    current = { id, stop };
    let exitCode;
    try {
      exitCode = await answer(code, { show, signal: stop.signal });
    } catch (error) {
      exitCode = stop.signal.aborted ? interruptedStatus : 1;
      const message = stop.signal.aborted ? 'the query was interrupted' : error.message;
      send({ ev: 'error', name: error.name, message, traceback: `${message}\n` });
    }
    current = null;
    send({ ev: 'done', id, exitCode });
    void next();
  }

  let text = '';
  channel.setEncoding('utf8');
  channel.on('data', (chunk) => {
    const lines = (text + chunk).split('\n');
    text = lines.pop();
    for (const line of lines) {
      const message = JSON.parse(line);
      if (message.op === 'execute') queue.push(message);
      else if (message.op === 'complete') send({ ev: 'completion', id: message.id, matches: [] });
      else if (message.op === 'interrupt' && message.id === current?.id) current.stop.abort();
    }
    void next();
  });
  channel.on('close', () => process.exit());
  channel.on('error', () => process.exit());
  // An interrupt comes as a line too, which says what it is for.
  process.on('SIGINT', () => {});
  for (const stream of [process.stdout, process.stderr]) stream._handle?.setBlocking?.(true);
  send({ ev: 'ready' });
}

module.exports = { serveQueries };
