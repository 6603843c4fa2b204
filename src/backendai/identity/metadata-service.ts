/** Asking the metadata service of a cloud: it is near or not there, and may come up later than this machine. */
import { request } from 'node:http';
import type { AskMetadata } from './cloud-facts.ts';

/** Of one attempt. */
const timeoutMs = 1_000;
const attempts = 3;
const pauseMs = 500;
const maxBytes = 256 * 1024;

/** Asks, up to three times. A refusal is an answer. */
export const askMetadata: AskMetadata = async (url, options) => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await attemptOne(url, options);
    } catch {
      if (attempt >= attempts) return null;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
};

function attemptOne(url: string, { method = 'GET', headers = {} }: Parameters<AskMetadata>[1]) {
  return new Promise<string | null>((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const asked = request(url, { method, headers, signal, agent: false }, (response) => {
      const { statusCode = 0 } = response;
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
        if (text.length > maxBytes) response.destroy(new Error('the answer is too long'));
      });
      response.on('error', reject);
      response.on('end', () => {
        if (statusCode >= 500) reject(new Error(`status ${statusCode}`));
        else resolve(statusCode === 200 && text.trim() !== '' ? text.trim() : null);
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}
