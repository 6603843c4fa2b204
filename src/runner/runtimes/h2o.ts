/** H2O Driverless AI: the Python that it brings, beside its server. */
import type { Runtime } from '../runtime.ts';
import { runMain, steps, withTool } from './plan.ts';
import { python } from './python.ts';

const noPython = 'this image has no Python of H2O Driverless AI';

/** Python programs by the product's own interpreter; a batch does not run in batch mode (spec kernel-runner 14). */
export const h2o = {
  ...python,
  type: 'vendor.h2o',
  tools: ['/opt/h2oai/dai/python/bin/python', ...python.tools],
  starter: '/opt/h2oai/dai/run-dai.sh',

  exec: (context) => withTool(context, noPython, (tool) => steps(runMain(context, 'main.py', [tool, 'main.py'], {}))),
} as const satisfies Runtime;
