/** Credentials as engines take them for a registry, in the header `X-Registry-Auth`. Pure. */
import type { RegistryAuth } from '../engine.ts';

/**
 * JSON in base64 for addresses, filled up: an engine takes what isn't for no credentials at all, without a word. Without
 * credentials it is an empty object, since a push needs the header.
 */
export function registryAuthHeader(auth: RegistryAuth | undefined): string {
  const fields = auth ? { username: auth.username, password: auth.password, serveraddress: auth.serverAddress } : {};
  return Buffer.from(JSON.stringify(fields)).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}
