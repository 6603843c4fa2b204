/**
 * Answers queries in R on a Microsoft Machine Learning Server, once R Server, by its REST interface: one session keeps
 * their state. The server and the account are the variables MRS_ENDPOINT, MRS_USERNAME and MRS_PASSWORD. It runs on the
 * volume's Node.
 */
'use strict';
const process = require('node:process');
const { serveQueries } = require('./query_support/serve_queries.cjs');

const timeoutMs = 60_000;
let token = null;
let session = null;

/** A variable that must be there. */
function variable(name) {
  const value = process.env[name];
  if (value) return value;
  throw new Error(`kernelet: the variable ${name} is not set: give it to the kernel`);
}

/** One call; the time limit is for calls that run nothing of the user's. */
async function call(method, path, body, signal) {
  const reply = await fetch(new URL(path, `${variable('MRS_ENDPOINT').replace(/\/+$/, '')}/`), {
    method,
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: body && JSON.stringify(body),
    signal,
  });
  const text = await reply.text();
  if (reply.ok) return text === '' ? {} : JSON.parse(text);
  const error = new Error(`the R server answered ${reply.status}: ${text.slice(0, 1000)}`);
  throw Object.assign(error, { status: reply.status });
}

async function openSession(signal) {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  token = null;
  const account = { username: variable('MRS_USERNAME'), password: variable('MRS_PASSWORD') };
  token = (await call('POST', 'login', account, limited)).access_token;
  session = (await call('POST', 'sessions', { name: 'kernelet', runtimeType: 'R' }, limited)).sessionId;
}

/** A token lasts an hour, and a session that nobody uses ends; then the query begins in a new one. */
async function executeCode(code, signal) {
  const execute = () => call('POST', `sessions/${encodeURIComponent(session)}/execute`, { code }, signal);
  if (session === null) await openSession(signal);
  try {
    return await execute();
  } catch (error) {
    if (error.status !== 401 && error.status !== 404) throw error;
    process.stderr.write('kernelet: the session on the R server has ended: its variables are lost\n');
    await openSession(signal);
    return await execute();
  }
}

serveQueries(async (code, { signal }) => {
  const told = await executeCode(code, signal);
  if (told.consoleOutput) process.stdout.write(told.consoleOutput);
  if (told.success) return 0;
  throw new Error(told.errorMessage || 'the R server gives no reason');
});
