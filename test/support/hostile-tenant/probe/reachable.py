"""Addresses of the host, and what answers there. Most attempts wait in vain: many are made at a time, in threads."""
import concurrent.futures
import socket
import struct

PORTS = (22, 53, 80, 111, 443, 2375, 2376, 2377, 2379, 4243, 6001, 6009, 6379, 7946, 9323, 10250)


def gateways():
    with open("/proc/net/route") as file:
        lines = [line.split() for line in file][1:]
    return {socket.inet_ntoa(struct.pack("<I", int(fields[2], 16))) for fields in lines if fields[2] != "00000000"}


def connects(address, port):
    """Also a port that is closed answers where nothing refuses its packets; the rules of ours refuse them likewise."""
    with socket.socket() as one:
        one.settimeout(0.4)
        one.connect((address, port))


def answers(address, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(0.4)
        one.sendto(b"hello", (address, port))
        # From whatever address it comes.
        one.recv(64)


def echoes(address):
    """An echo of ICMP, for which no capability is needed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP) as one:
        one.settimeout(0.4)
        one.sendto(struct.pack("!BBHHH", 8, 0, 0, 0, 1), (address, 0))
        one.recv(64)


def succeeds(one):
    _, action, *arguments = one
    try:
        action(*arguments)
    except OSError:
        return False
    return True


def probe(report, addresses, listening):
    """`addresses`: of the host, by name; `listening`: what certainly listens there, as protocol and port."""
    tries = []
    found = {**addresses, **{address: "the gateway" for address in gateways()}}
    for address, name in found.items():
        for port in PORTS:
            tries.append((f"{name} tcp {port}", connects, address, port))
        tries.append((f"{name} tcp service", connects, address, listening["tcp"]))
        tries.append((f"{name} udp service", answers, address, listening["udp"]))
        tries.append((f"{name} icmp", echoes, address))
    for port in (80, 443):
        tries.append((f"metadata tcp {port}", connects, "169.254.169.254", port))
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        for (subject, *_), is_open in zip(tries, pool.map(succeeds, tries)):
            report.note("reach", subject, is_open)
    with open("/proc/net/unix") as file:
        names = {line.split()[-1] for line in file if line.split()[-1].startswith("@")}
    for name in names:
        report.note("seen", f"abstract socket {name}", True)
