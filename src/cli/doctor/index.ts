/** All checks, in the order in which they are shown. */
import { cgroupsCheck } from './cgroups-check.ts';
import type { DoctorCheck } from './check.ts';
import { clockCheck } from './clock-check.ts';
import { containerLimitsCheck } from './container-limits-check.ts';
import { daemonCheck } from './daemon-check.ts';
import { devicesCheck } from './devices-check.ts';
import { diskCheck } from './disk-check.ts';
import { engineCheck } from './engine-check.ts';
import { firewallCheck } from './firewall-check.ts';
import { machineLimitsCheck } from './machine-limits-check.ts';
import { ociRuntimesCheck } from './oci-runtimes-check.ts';
import { portsCheck } from './ports-check.ts';
import { limitsCheck } from './rlimits-check.ts';
import { stateCheck } from './state-check.ts';

export const doctorChecks: readonly DoctorCheck[] = [
  engineCheck,
  daemonCheck,
  cgroupsCheck,
  stateCheck,
  diskCheck,
  devicesCheck,
  ociRuntimesCheck,
  limitsCheck,
  machineLimitsCheck,
  containerLimitsCheck,
  clockCheck,
  portsCheck,
  firewallCheck,
];
