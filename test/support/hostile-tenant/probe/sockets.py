"""Every family of sockets with every type, and the protocols of those that there are."""
import errno
import socket

FAMILIES = {int(value): name for name, value in vars(socket).items() if name.startswith("AF_")}
# Python knows it by an older name, too.
FAMILIES[socket.AF_NETLINK] = "AF_NETLINK"
TYPES = {1: "STREAM", 2: "DGRAM", 3: "RAW", 4: "RDM", 5: "SEQPACKET", 6: "DCCP", 10: "PACKET"}
PROTOCOLS = {socket.AF_INET: range(263), socket.AF_INET6: range(263), socket.AF_NETLINK: range(32)}
REFUSED = (errno.EPERM, errno.EACCES)


def made(*arguments):
    """None when there is one; else the number of the error."""
    try:
        socket.socket(*arguments).close()
    except OSError as error:
        return error.errno
    return None


def probe(report):
    for family in range(46):
        name = FAMILIES.get(family, f"AF_{family}")
        outcomes = {type_: made(family, type_, 0) for type_ in TYPES}
        # Also where this machine has none: another one may.
        let_through = any(outcome not in REFUSED for type_, outcome in outcomes.items() if type_ != 3)
        report.note("socket-family", name, let_through)
        for type_, outcome in outcomes.items():
            report.note("socket", f"{name} {TYPES[type_]}", outcome is None)
        for protocol in PROTOCOLS.get(family, ())[1:]:
            for type_ in (1, 2, 3, 5, 6) if family != socket.AF_NETLINK else (3,):
                subject = f"{name} {TYPES[type_]} protocol {protocol}"
                outcome = made(family, type_, protocol)
                report.note("socket", subject, outcome is None)
                if family != socket.AF_NETLINK and type_ != 3:
                    report.note("socket-protocol", subject, outcome not in REFUSED)
        try:
            pair = socket.socketpair(family, socket.SOCK_STREAM)
            report.note("socket-pair", name, True)
            for one in pair:
                one.close()
        except OSError as error:
            report.note("socket-pair", name, error.errno not in REFUSED)
