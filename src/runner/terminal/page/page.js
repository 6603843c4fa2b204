// The page of the web terminal. Addresses are relative: gates put a path of their own before them.
import { FitAddon } from './addon-fit.js';
import { Terminal } from './xterm.js';

const encoder = new TextEncoder();
const terminal = new Terminal({ cursorBlink: true, fontSize: 14, scrollback: 5000 });
const fit = new FitAddon();
terminal.loadAddon(fit);
terminal.open(document.getElementById('terminal'));
fit.fit();
terminal.focus();

let socket = null;

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
    socket.send(encoder.encode(JSON.stringify({ AuthToken: token, columns, rows })));
  };
  socket.onmessage = ({ data }) => {
    const bytes = new Uint8Array(data);
    const letter = String.fromCharCode(bytes[0]);
    if (letter === '0') terminal.write(bytes.subarray(1));
    else if (letter === '1') document.title = new TextDecoder().decode(bytes.subarray(1));
  };
  socket.onclose = () => {
    socket = null;
    terminal.write('\r\n\x1b[2mThe connection has ended. Press Enter for a new shell.\x1b[0m\r\n');
  };
}

function begin() {
  connect().catch(() => terminal.write('\r\n\x1b[2mThe kernel does not answer. Press Enter to try again.\x1b[0m\r\n'));
}

terminal.onData((text) => {
  if (socket) send('0', text);
  else if (text === '\r') begin();
});
terminal.onBinary((text) => send('0', text));
terminal.onResize(({ cols: columns, rows }) => send('1', JSON.stringify({ columns, rows })));
addEventListener('resize', () => fit.fit());
begin();
