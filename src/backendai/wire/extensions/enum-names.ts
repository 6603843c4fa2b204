/**
 * Values of enum members that were pickled by name, as CPython 3.11.0 to 3.11.3 does. Upstream's members are named
 * after their values but for these.
 */
const odd: Readonly<Record<string, string>> = {
  'MountPermission.READ_ONLY': 'ro',
  'MountPermission.READ_WRITE': 'rw',
  'MountPermission.RW_DELETE': 'wd',
};

/** The value of a member: `SINGLE_NODE` of `ClusterMode` is `single-node`. */
export function enumValueOfName(className: string, name: string): string {
  return odd[`${className}.${name}`] ?? name.toLowerCase().replaceAll('_', '-');
}
