/** Images of one empty layer, for any processor, as `docker save` would have written them. */
import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { packFiles } from '../../src/lib/tar.ts';

/** Loads one into the engine at DOCKER_HOST, or another one. It is the caller's to remove. */
export async function loadEmptyImage(
  reference: string,
  architecture: string,
  dockerHost = process.env['DOCKER_HOST'] ?? '',
): Promise<void> {
  const layer = Buffer.alloc(1024);
  const layerId = `sha256:${createHash('sha256').update(layer).digest('hex')}`;
  const config = { architecture, os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [layerId] } };
  const manifest = [{ Config: 'config.json', RepoTags: [reference], Layers: ['layer.tar'] }];
  const archive = packFiles([
    { name: 'config.json', content: JSON.stringify(config) },
    { name: 'layer.tar', content: layer },
    { name: 'manifest.json', content: JSON.stringify(manifest) },
  ]);
  const content = Buffer.from(await new Response(archive).arrayBuffer());
  const status = await new Promise<number>((resolve, reject) => {
    const socketPath = dockerHost.replace(/^unix:\/\//, '');
    const headers = { 'Content-Type': 'application/x-tar' };
    const asked = request({ socketPath, method: 'POST', path: '/v1.41/images/load', headers }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0));
    });
    asked.on('error', reject);
    asked.end(content);
  });
  if (status !== 200) throw new Error(`the engine did not load ${reference}: status ${status}`);
}

/** The processor of this machine and another one, as images name them. */
export const [ownArchitecture, foreignArchitecture] =
  process.arch === 'arm64' ? (['arm64', 'amd64'] as const) : (['amd64', 'arm64'] as const);
