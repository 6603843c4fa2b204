/** Names of the files in `/home/config/ssh` that the agent lays and the runner reads (spec kernel-lifecycle 5.4). */
export const sshFiles = {
  /** The server's key as dropbear reads it. */
  hostKey: 'host_key',
  /** The key with which people log in where they have brought none. */
  loginKey: 'id_container',
  loginPublicKey: 'id_container.pub',
  /** The key that kernels of one session share. */
  clusterKey: 'id_cluster',
  clusterPublicKey: 'id_cluster.pub',
  /** Host and port by host name, for a session whose kernels are not in one network. */
  portMapping: 'port-mapping.json',
} as const;
