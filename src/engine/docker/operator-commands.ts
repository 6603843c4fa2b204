/** What an operator types who has Docker, or wants it: for texts that say what to do. */

/** Gets an engine, on Debian and Ubuntu. */
export const installEngine =
  'apt-get install -y docker.io && systemctl start docker   # or set DOCKER_HOST=unix:///path/to/docker.sock';

/** Shows what takes the space of the engine's data. */
export const showDiskUse = 'docker system df';
