// The page of the web terminal. Addresses are relative: gates put a path of their own before them.
import { FitAddon } from './addon-fit.js';
import { Terminal } from './xterm.js';

const shellHasEnded = 1000;
const refused = 1008;
const againMs = 1000;
const encoder = new TextEncoder();
const terminal = new Terminal({ cursorBlink: true, fontSize: 14, scrollback: 5000 });
const fit = new FitAddon();
terminal.loadAddon(fit);
terminal.open(document.getElementById('terminal'));
fit.fit();
terminal.focus();

let socket = null;
/** Whether what is kept has been shown: questions in it, to which a terminal answers by itself, were answered then. */
let isLive = false;
/** Of the shell, which whoever has the address with it comes to: after a reload, or in another window. */
let session = location.hash.slice(1);
if (!/^[\w-]{22,64}$/.test(session)) newSession();

function newSession() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  session = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  history.replaceState(null, '', `#${session}`);
}

function send(letter, text) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(encoder.encode(letter + text));
}

async function connect() {
  const { token } = await (await fetch('token')).json();
  const address = new URL('ws', location.href);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  socket = new WebSocket(address, ['tty']);
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => {
    const { cols: columns, rows } = terminal;
    // What it has shown comes again.
    isLive = false;
    terminal.reset();
    socket.send(encoder.encode(JSON.stringify({ AuthToken: token, Session: session, columns, rows })));
  };
  socket.onmessage = ({ data }) => {
    const bytes = new Uint8Array(data);
    const letter = String.fromCharCode(bytes[0]);
    if (letter === '0') terminal.write(bytes.subarray(1));
    else if (letter === '2')
      terminal.write('', () => {
        isLive = true;
      });
    else if (letter === '1') document.title = new TextDecoder().decode(bytes.subarray(1));
  };
  socket.onclose = ({ code }) => {
    socket = null;
    if (code === refused) return terminal.write('\r\n\x1b[2mThis page is refused.\x1b[0m\r\n');
    if (code !== shellHasEnded) return lost();
    newSession();
    terminal.write('\r\n\x1b[2mThe shell has ended. Press Enter for a new one.\x1b[0m\r\n');
  };
}

function lost() {
  terminal.write('\r\n\x1b[2mThe connection was lost. Press Enter to come back to the shell.\x1b[0m\r\n');
  setTimeout(begin, againMs);
}

let connecting = false;
function begin() {
  if (socket || connecting) return;
  connecting = true;
  connect()
    .catch(() => terminal.write('\r\n\x1b[2mThe kernel does not answer. Press Enter to try again.\x1b[0m\r\n'))
    .finally(() => {
      connecting = false;
    });
}

terminal.onData((text) => {
  if (socket) {
    if (isLive) send('0', text);
  } else if (text === '\r') begin();
});
terminal.onBinary((text) => send('0', text));
terminal.onResize(({ cols: columns, rows }) => send('1', JSON.stringify({ columns, rows })));
addEventListener('resize', () => fit.fit());
begin();
