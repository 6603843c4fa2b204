/** Asks a model's server how it is. */
import { request } from 'node:http';

const maxRedirections = 3;

/** Whether it answers with this status in time. A redirection is followed as long as it leads to the server itself. */
export async function answersWith(
  port: number,
  path: string,
  expectedStatus: number,
  timeoutMs: number,
): Promise<boolean> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    let place = askedFor(new URL(`http://127.0.0.1/${path.replace(/^\//, '')}`));
    for (let times = 0; times <= maxRedirections; times++) {
      const { status, location } = await ask(port, place, signal);
      if (status === expectedStatus) return true;
      if (status < 300 || status > 399 || location === undefined) return false;
      const next = new URL(location, `http://127.0.0.1:${port}${place}`);
      if (Number(next.port || 80) !== port) return false;
      place = askedFor(next);
    }
    return false;
  } catch {
    return false;
  }
}

const askedFor = ({ pathname, search }: URL): string => `${pathname}${search}`;

/** Whatever a path looks like, nobody else is asked. */
function ask(
  port: number,
  path: string,
  signal: AbortSignal,
): Promise<{ status: number; location: string | undefined }> {
  return new Promise((resolve, reject) => {
    const asking = request({ host: '127.0.0.1', port, path, agent: false, signal }, (response) => {
      // What it says is of no interest, and may have no end.
      response.destroy();
      resolve({ status: response.statusCode ?? 0, location: response.headers.location });
    });
    asking.once('error', reject);
    asking.end();
  });
}
