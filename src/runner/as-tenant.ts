/** The tenant may have closed its folders to others, which the runner is; with the tenant's ids they can be entered. */
export function asTenant<T>({ uid, gid }: { readonly uid: number; readonly gid: number }, look: () => T): T {
  process.setegid?.(gid);
  process.seteuid?.(uid);
  try {
    return look();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}
