// Generates src/backendai/etcd/etcd_pb.ts from etcd.proto beside it. Run it by hand after a change; the result is checked in.
import { spawnSync } from 'node:child_process';

const template = {
  version: 'v2',
  plugins: [
    { local: ['node', 'node_modules/@bufbuild/protoc-gen-es/bin/protoc-gen-es'], out: '.', opt: ['target=ts'] },
  ],
};
const args = ['generate', '--template', JSON.stringify(template), '--path', 'src/backendai/etcd/etcd.proto'];
const done = spawnSync(process.execPath, ['node_modules/@bufbuild/buf/bin/buf', ...args], { stdio: 'inherit' });
process.exit(done.status ?? 1);
