/** What a tenant may ask the Linux kernel for: asked from inside, by number, as a hostile program would. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeUnderTest } from '../support/node-under-test.ts';

/** Prints, for each call, its errno's name, or `ok`. The arguments are such that the filter alone answers with EPERM. */
const probe = `
import ctypes, errno, json, os, platform
libc = ctypes.CDLL(None, use_errno=True)
arm = platform.machine() == 'aarch64'
text = ctypes.create_string_buffer
own = os.open('/home/work', os.O_RDONLY)
calls = {
  'socket AF_VSOCK': ((41, 198), 40, 1, 0),
  'socket AF_ALG': ((41, 198), 38, 5, 0),
  'socket AF_TIPC': ((41, 198), 30, 1, 0),
  'socket AF_KCM': ((41, 198), 41, 5, 0),
  'socket of SCTP': ((41, 198), 2, 1, 132),
  'socket of SCTP by its type, with flags': ((41, 198), 10, 5 | 0x80800, 0),
  'socket of DCCP': ((41, 198), 2, 6, 33),
  'socket of L2TP': ((41, 198), 2, 2, 115),
  'socket of UDP-Lite': ((41, 198), 10, 2, 136),
  'socket of SMC': ((41, 198), 2, 1, 256),
  'socket AF_SMC': ((41, 198), 43, 1, 0),
  'socket of TCP, with flags': ((41, 198), 2, 1 | 0x80800, 6),
  'socket of UDP': ((41, 198), 2, 2 | 0x80000, 17),
  'socket of MPTCP': ((41, 198), 2, 1, 262),
  'socketpair AF_TIPC': ((53, 199), 30, 1, 0, text(8)),
  'io_uring_setup': ((425, 425), 1, text(120)),
  'io_uring_enter': ((426, 426), -1, 0, 0, 0, 0),
  'io_uring_register': ((427, 427), -1, 0, 0, 0),
  'userfaultfd': ((323, 282), 1),
  'keyctl': ((250, 219), 0, -3, 0),
  'add_key': ((248, 217), text(b'user'), text(b'x'), text(b'y'), 1, -2),
  'request_key': ((249, 218), text(b'user'), text(b'x'), 0, 0),
  'fsopen': ((430, 430), text(b'tmpfs'), 0),
  'fsconfig': ((431, 431), -1, 0, 0, 0, 0),
  'fsmount': ((432, 432), -1, 0, 0),
  'fspick': ((433, 433), -100, text(b'/'), 0),
  'open_tree': ((428, 428), -100, text(b'/'), 0),
  'move_mount': ((429, 429), -1, text(b''), -1, text(b''), 0),
  'mount_setattr': ((442, 442), -1, text(b'/'), 0, 0, 0),
  'bpf': ((321, 280), -1, 0, 0),
  'clone with a user namespace': ((56, 220), 0x10000011, 0, 0, 0, 0),
  'change how a folder is kept': ((16, 29), own, 0x40086602, text(8)),
  'the same, with bits that are not looked at': ((16, 29), own, 0x540086602, text(8)),
  'change the project of a folder': ((16, 29), own, 0x401c5820, text(28)),
  'make a volume of btrfs': ((16, 29), own, 0x5000940e, text(4096)),
  'ask how a folder is kept': ((16, 29), own, 0x80086601, text(8)),
  'ask how much there is to read': ((16, 29), 0, 0x541b, text(8)),
  'clone3': ((435, 435), 0, 0),
  'socket AF_UNIX': ((41, 198), 1, 1, 0),
  'socket AF_INET': ((41, 198), 2, 1, 0),
  'socket AF_INET6': ((41, 198), 10, 1, 0),
  'socket AF_NETLINK': ((41, 198), 16, 3, 0),
  'memfd_create': ((319, 279), text(b'x'), 0),
  # Machines with this processor alone have it.
  **({} if arm else {'modify_ldt': ((154, None), 0, 0, 0)}),
}
found = {}
for name, ((amd, armed), *rest) in calls.items():
  ctypes.set_errno(0)
  words = [ctypes.c_long(one) if isinstance(one, int) else one for one in rest]
  result = libc.syscall(ctypes.c_long(armed if arm else amd), *words)
  found[name] = 'ok' if result >= 0 else errno.errorcode[ctypes.get_errno()]
print(json.dumps(found))
`;

let node: NodeUnderTest;
beforeAll(async () => {
  node = await NodeUnderTest.started();
}, 120_000);
afterAll(() => node?.[Symbol.asyncDispose](), 60_000);

describe.each(['bridge', 'none'])('a tenant with the network %s', (network) => {
  // @promise system-calls
  it('has the system calls of the list, and no others', async () => {
    const id = await node.create('--image', 'kernelet/python', '--network', network);
    const { text, stderr } = await node.run(['exec', id, '--', 'python3', '-c', probe]);
    expect(stderr).toBe('');
    const found = JSON.parse(text) as Record<string, string>;
    const refused = Object.fromEntries(Object.keys(found).map((name) => [name, 'EPERM']));
    expect(found).toEqual({
      ...refused,
      clone3: 'ENOSYS',
      'socket AF_UNIX': 'ok',
      'socket AF_INET': 'ok',
      // The filter lets it through, and this machine may have none.
      'socket AF_INET6': expect.stringMatching(/^(ok|EAFNOSUPPORT)$/),
      'socket AF_NETLINK': 'ok',
      'socket of TCP, with flags': 'ok',
      'socket of UDP': 'ok',
      'socket of MPTCP': expect.stringMatching(/^(ok|EPROTONOSUPPORT|ENOPROTOOPT|EINVAL)$/),
      memfd_create: 'ok',
      // The file system may have no such thing.
      'ask how a folder is kept': expect.stringMatching(/^(ok|ENOTTY|EOPNOTSUPP)$/),
      'ask how much there is to read': expect.stringMatching(/^(ok|ENOTTY)$/),
    });
    expect(Object.keys(found).length).toBeGreaterThan(36);
  });
});

/** Reads the memory of a child, and attaches to it. */
const looks = `
import ctypes, os, time
libc = ctypes.CDLL(None, use_errno=True)
text = ctypes.create_string_buffer(b'Canary')
child = os.fork()
if child == 0:
  time.sleep(60)
  os._exit(0)
class Piece(ctypes.Structure):
  _fields_ = [('at', ctypes.c_void_p), ('size', ctypes.c_size_t)]
here = ctypes.create_string_buffer(6)
mine, theirs = Piece(ctypes.addressof(here), 6), Piece(ctypes.addressof(text), 6)
read = libc.process_vm_readv(child, ctypes.byref(mine), 1, ctypes.byref(theirs), 1, 0)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
attach = libc.ptrace(16, child, None, None)
print('read', here.value.decode() if read == 6 else read, 'attach', attach)
os.kill(child, 9)
`;

describe('in a jail', () => {
  // @promise jail
  it('no call looks into another process, which its parent may do elsewhere', async () => {
    const answer = async (of: NodeUnderTest): Promise<string> => {
      const id = await of.create('--image', 'kernelet/python', '--network', 'none');
      return (await of.run(['exec', id, '--', 'python3', '-c', looks])).text.trim();
    };
    expect(await answer(node)).toBe('read Canary attach 0');
    await using jail = await NodeUnderTest.started({ configuration: '[container]\nsandbox-type = "jail"\n' });
    expect(await answer(jail)).toBe('read -1 attach -1');
  });
});
