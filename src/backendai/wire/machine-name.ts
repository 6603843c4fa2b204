/** What managers call the architecture of a machine or an image (spec cluster-state 5.1). */
const machineNames: Readonly<Record<string, string>> = {
  arm64: 'aarch64',
  amd64: 'x86_64',
  x64: 'x86_64',
  x32: 'x86',
  i686: 'x86',
};

/** The machine as the manager writes it. */
export function machineName(architecture: string): string {
  const name = architecture.toLowerCase();
  return machineNames[name] ?? name;
}
