import { expect, it } from 'vitest';
import { namedNetwork } from './request.ts';

const session = {
  mode: 'single-node',
  size: 1,
  replicas: {},
  ssh_keypair: null,
  cluster_ssh_port_mapping: null,
} as const;

it.each([
  [{}, null],
  [{ network_name: null }, null],
  [{ network_name: 'bai-multinode-x' }, 'bai-multinode-x'],
  [{ network_config: {} }, null],
  [{ network_config: { mode: 'host' } }, 'host'],
  [{ network_config: { mode: 'bridge', network_name: 'bai-singlenode-x' } }, 'bai-singlenode-x'],
  [{ network_config: { mode: 'bridge' } }, null],
])('takes the network as either release names it (%j)', (named, network) => {
  expect(namedNetwork({ ...session, ...named })).toBe(network);
});

it.each([{ mode: 'overlay', network_id: 'x' }, { network_name: 'x' }, { mode: 'bridge', network_name: 5 }])(
  'refuses what it does not know (%j)',
  (network_config) => {
    expect(() => namedNetwork({ ...session, network_config })).toThrow('knows no networks');
  },
);
