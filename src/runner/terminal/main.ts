/** The program of the web terminal: the runner's child, with the tenant's ids. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serveGivenSockets, type TerminalOptions, terminalServer } from './terminal-server.ts';
import { TerminalSessions } from './terminal-sessions.ts';

// Written by the runner, in one piece.
const options = JSON.parse(readFileSync(0, 'utf8')) as TerminalOptions;
const sessions = new TerminalSessions(options);
serveGivenSockets(terminalServer(options, join(dirname(fileURLToPath(import.meta.url)), 'page'), sessions), sessions);
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
