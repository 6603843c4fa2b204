/** Whether a host port can be taken right now. A foreign process may hold a port that our pool believes free. */
import { createServer } from 'node:net';

/** Binds the port on the address for a moment. Answers false when it is in use or may not be bound. */
export function canBind(port: number, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: address, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
