"""A peer with the real Callosum client: reads what to do as JSON from standard input, prints what it saw as JSON."""

import asyncio
import decimal
import enum
import json
import pathlib
import pickle
import sys
import time
import types
import uuid

import msgpack
from callosum.auth import AbstractClientAuthenticator, Identity
from callosum.exceptions import AuthenticationError
from callosum.lower.zeromq import ZeroMQAddress, ZeroMQRPCTransport
from callosum.rpc import Peer
from callosum.rpc.exceptions import RPCUserError


class Reason(str, enum.Enum):
    USER_REQUESTED = "user-requested"


def pretend_module(name, *members):
    """Puts classes into a module of that name, so that pickles name them as a manager's do."""
    module = types.ModuleType(name)
    for member in members:
        member.__module__ = name
        setattr(module, member.__name__, member)
    sys.modules[name] = module
    while "." in name:
        name = name.rpartition(".")[0]
        sys.modules.setdefault(name, types.ModuleType(name))


Reason.__qualname__ = Reason.__name__ = "KernelLifecycleEventReason"
pretend_module("ai.backend.common.events", Reason)


def to_extension(value):
    if isinstance(value, uuid.UUID):
        return msgpack.ExtType(1, value.bytes)
    if isinstance(value, decimal.Decimal):
        return msgpack.ExtType(3, pickle.dumps(value, protocol=5))
    if isinstance(value, pathlib.PosixPath):
        return msgpack.ExtType(4, bytes(value))
    if isinstance(value, enum.Enum):
        return msgpack.ExtType(6, pickle.dumps(value, protocol=5))
    if isinstance(value, tuple):
        return list(value)
    raise TypeError(type(value))


def serialize(value):
    return msgpack.packb(value, use_bin_type=True, strict_types=True, default=to_extension)


def deserialize(data):
    return msgpack.unpackb(data, raw=False, use_list=False, strict_map_key=False)


class Authenticator(AbstractClientAuthenticator):
    def __init__(self, keys):
        self.keys = keys

    async def server_public_key(self):
        return self.keys["server"].encode()

    async def client_identity(self):
        return Identity("local", self.keys["secret"].encode())

    async def client_public_key(self):
        return self.keys["public"].encode()


def peer(job, **options):
    return Peer(
        connect=ZeroMQAddress(job["endpoint"]),
        transport=ZeroMQRPCTransport,
        authenticator=Authenticator(job["keys"]) if job.get("keys") else None,
        transport_opts={"handshake_timeout": job.get("handshake", 5)},
        serializer=serialize,
        deserializer=deserialize,
        **options,
    )


def call(connection, method, *args, order_key="", timeout=None, **kwargs):
    body = {"args": args, "kwargs": kwargs}
    return connection.invoke(method, body, order_key=order_key, invoke_timeout=timeout)


async def calls(job):
    seen = {}
    async with peer(job) as connection:
        seen["ping"] = await call(connection, "ping", "pong")
        values = (0, -1, 2**64 - 1, -(2**63), 1.5, 2.0, True, None, "한글", b"\x00\xff", (1, (2, 3)), {"a": {"b": ()}})
        seen["equal"] = [await call(connection, "ping", value) == value for value in values]
        for name, key in (("no key", None), ("bytes", b"k"), ("text", "k")):
            seen[name] = await asyncio.wait_for(call(connection, "ping", name, order_key=key), 5)
        identifier = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
        seen["plain"] = await call(
            connection,
            "ping",
            {identifier: (Reason.USER_REQUESTED, decimal.Decimal("0.50"), pathlib.PosixPath("/home/work"))},
        )
        failures = []
        for method, args in (("nosuch", ()), ("ping", ()), ("ping", (1, 2)), ("shutdown_agent", ("x",))):
            try:
                await call(connection, method, *args)
            except RPCUserError as error:
                failures.append([error.name, error.repr])
        seen["failures"] = failures
        large = b"x" * (10 * 2**20)
        seen["large"] = await call(connection, "ping", large) == large
    return seen


async def order(job):
    ended = []

    async def one(connection, seconds):
        await call(connection, "sleep", seconds)
        ended.append(seconds)

    async with peer(job) as connection:
        await asyncio.gather(*(one(connection, seconds) for seconds in (0.6, 0.2, 0.4, 0.0)))
        try:
            await call(connection, "sleep", 30, timeout=0.3)
            timed_out = False
        except asyncio.TimeoutError:
            timed_out = True
        return {"ended": ended, "timed_out": timed_out, "after": await call(connection, "ping", "alive")}


async def crowd(job):
    async def client(number):
        async with peer(job) as connection:
            answers = await asyncio.gather(*(call(connection, "ping", [number, index]) for index in range(50)))
            return all(answer == (number, index) for index, answer in enumerate(answers))

    good = await asyncio.gather(*(client(number) for number in range(30)))
    latencies = []
    for index in range(100):
        begun = time.perf_counter()
        async with peer(job) as connection:
            await call(connection, "ping", index)
        latencies.append((time.perf_counter() - begun) * 1000)
    return {"good": sum(good), "new_connection_p50_ms": sorted(latencies)[50]}


async def refused(job):
    try:
        async with peer(job) as connection:
            return {"answer": await call(connection, "ping", "x")}
    except AuthenticationError:
        return {"error": "AuthenticationError"}


async def main():
    job = json.load(sys.stdin)
    task = {"calls": calls, "order": order, "crowd": crowd, "refused": refused}[job["task"]]
    json.dump(await task(job), sys.stdout, default=list)


asyncio.run(main())
