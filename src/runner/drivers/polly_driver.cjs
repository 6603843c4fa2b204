/**
 * Answers queries with speech by Amazon Polly (spec kernel-runner 14): a query is JSON with `text`, `voiceId` and perhaps
 * `textType`, and shows Ogg Vorbis. Keys, region and, where it is another one, the endpoint are the usual variables of
 * Amazon's tools. It runs on the volume's Node.
 */
'use strict';
const process = require('node:process');
const { signedHeaders } = require('./query_support/aws_signature.cjs');
const { serveQueries } = require('./query_support/serve_queries.cjs');

const path = '/v1/speech';
const mediaType = 'audio/ogg';
const usualRegion = 'ap-northeast-2';
const timeoutMs = 60_000;

/** A variable that must be there. */
function variable(name) {
  const value = process.env[name];
  if (value) return value;
  throw new Error(`kernelet: the variable ${name} is not set: give it to the kernel`);
}

function speechOf(code) {
  let query;
  try {
    query = JSON.parse(code);
  } catch {
    query = null;
  }
  const { text, voiceId, textType = 'text' } = query ?? {};
  if (![text, voiceId, textType].every((value) => typeof value === 'string')) {
    throw new Error('kernelet: a query is JSON such as {"text": "Hello", "voiceId": "Joanna"}');
  }
  return { OutputFormat: 'ogg_vorbis', Text: text, TextType: textType, VoiceId: voiceId };
}

serveQueries(async (code, { show, signal }) => {
  const body = JSON.stringify(speechOf(code));
  const region = process.env.AWS_REGION || process.env.AWS_DEFAULT_REGION || usualRegion;
  const endpoint = new URL(
    process.env.AWS_ENDPOINT_URL_POLLY || process.env.AWS_ENDPOINT_URL || `https://polly.${region}.amazonaws.com`,
  );
  const keys = {
    id: variable('AWS_ACCESS_KEY_ID'),
    secret: variable('AWS_SECRET_ACCESS_KEY'),
    token: process.env.AWS_SESSION_TOKEN || null,
  };
  const request = { method: 'POST', path, headers: { 'content-type': 'application/json', host: endpoint.host }, body };
  const headers = signedHeaders(request, { service: 'polly', region, keys, now: new Date() });
  const reply = await fetch(new URL(path, endpoint), {
    method: 'POST',
    headers,
    body,
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
  });
  if (!reply.ok) throw new Error(`Polly answered ${reply.status}: ${(await reply.text()).slice(0, 1000)}`);
  show(mediaType, new Uint8Array(await reply.arrayBuffer()));
  return 0;
});
