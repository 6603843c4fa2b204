"""
Calls a manager's public API with its own Python client.

One JSON document a line comes in, `{"id", "do", …}`, and one goes out for each, `{"id", "value"}` or
`{"id", "error": {"status", "title", "message"}}`, in the order in which they end: calls run side by side.
The address and the keys are the client's own environment variables.
"""

import asyncio
import base64
import io
import json
import sys
import tempfile
from pathlib import Path

import aiohttp
from ai.backend.client.exceptions import BackendAPIError
from ai.backend.client.request import AttachedFile, Request
from ai.backend.client.session import AsyncSession


def encode(data):
    return base64.b64encode(data).decode()


def decode(text):
    return base64.b64decode(text)


async def create(api, given):
    made = await api.ComputeSession.get_or_create(**given["options"])
    return {
        "id": str(made.id),
        "name": made.name,
        "status": made.status,
        "created": made.created,
        "servicePorts": made.service_ports,
    }


async def session(api, given):
    method = getattr(api.ComputeSession(given["name"]), given["method"])
    return await method(*given.get("args", []), **given.get("options", {}))


async def folder(api, given):
    method = getattr(api.VFolder(given["name"]), given["method"])
    return await method(*given.get("args", []), **given.get("options", {}))


async def make_folder(api, given):
    return await api.VFolder.create(given["name"], **given.get("options", {}))


async def manager(api, given):
    return await getattr(api.Manager, given["method"])(**given.get("options", {}))


async def query(api, given):
    """
    One of GraphQL. The manager's transactions are serialisable, and it leaves it to its clients to repeat one that
    PostgreSQL has given up for another.
    """
    for patience in reversed(range(5)):
        try:
            return await api.Admin.query(given["query"], given.get("variables"))
        except BackendAPIError as error:
            if patience == 0 or "could not serialize access" not in str(error.data):
                raise
            await asyncio.sleep(0.2)


async def request(api, given):
    """A request that the client signs and has no function for."""
    made = Request(given["method"], given["path"], params=given.get("params"))
    made.set_json(given.get("json", {}))
    async with made.fetch() as response:
        return encode(await response.read())


class PlainForm(Request):
    """A form whose file names are sent as they are; the client's own encodes them."""

    def _pack_content(self):
        form = aiohttp.FormData(quote_fields=False)
        for file in self._attached_files:
            form.add_field("src", file.stream, filename=file.filename, content_type=file.content_type)
        self.headers.pop("Content-Type", None)
        return form


async def upload_plain(api, given):
    made = PlainForm("POST", f"/session/{given['name']}/upload")
    made.attach_files([
        AttachedFile(name, io.BytesIO(decode(content)), "application/octet-stream")
        for name, content in given["files"].items()
    ])
    async with made.fetch():
        pass


async def upload(api, given):
    with tempfile.TemporaryDirectory() as place:
        for name, content in given["files"].items():
            file = Path(place, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(decode(content))
        files = [Path(place, name) for name in given["files"]]
        await api.ComputeSession(given["name"]).upload(files, basedir=place)


async def download(api, given):
    with tempfile.TemporaryDirectory() as place:
        await api.ComputeSession(given["name"]).download(given["files"], dest=place)
        found = [file for file in Path(place).rglob("*") if file.is_file()]
        return {str(file.relative_to(place)): encode(file.read_bytes()) for file in found}


async def app(api, given):
    """Talks to an app through the manager's proxy: sends bytes, and returns what comes until `enough` is in it."""
    params = {"app": given["app"]}
    for name in ("envs", "arguments"):
        if name in given:
            params[name] = json.dumps(given[name])
    if "port" in given:
        params["port"] = given["port"]
    path = f"/stream/session/{given['name']}/{given.get('kind', 'httpproxy')}"
    got = b""
    async with Request("GET", path, params=params).connect_websocket() as socket:
        if given.get("send"):
            await socket.send_bytes(decode(given["send"]))
        enough = decode(given["enough"])
        while enough not in got:
            message = await asyncio.wait_for(socket.raw_websocket.receive(), given.get("patience", 20))
            if not isinstance(message.data, bytes):
                break
            got += message.data
    return encode(got)


async def stream_execute(api, given):
    """A run over a WebSocket; answers a question with `answer`. Returns the messages up to the one that ends it."""
    messages = []
    async with api.ComputeSession(given["name"]).stream_execute(given["code"]) as socket:
        async for message in socket:
            if not isinstance(message.data, str):
                break
            messages.append(json.loads(message.data))
            status = messages[-1].get("status")
            if status == "waiting-input":
                await socket.send_str(given["answer"])
            if status == "finished":
                break
    return messages


async def events(api, given):
    """The events of a session until one has the name `last`."""
    found = []
    async with api.ComputeSession(given["name"]).listen_events() as stream:
        async for event in stream:
            found.append({"event": event.event, "data": json.loads(event.data)})
            if event.event == given["last"]:
                return found
    return found


calls = {
    call.__name__: call
    for call in (
        create, session, folder, make_folder, manager, query, request, upload, upload_plain, download, app,
        stream_execute, events,
    )
}


def failure(error):
    if isinstance(error, BackendAPIError):
        data = error.data if isinstance(error.data, dict) else {}
        return {"status": error.status, "title": str(data.get("title", error.reason)), "message": json.dumps(data, default=str)}
    return {"status": 0, "title": type(error).__name__, "message": str(error)}


async def answer(api, line):
    given = json.loads(line)
    try:
        value = await asyncio.wait_for(calls[given["do"]](api, given), given.get("seconds", 120))
        reply = {"id": given["id"], "value": value}
    except Exception as error:
        reply = {"id": given["id"], "error": failure(error)}
    sys.stdout.write(json.dumps(reply, default=str) + "\n")
    sys.stdout.flush()


async def main():
    reader = asyncio.StreamReader(limit=2**28)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with AsyncSession() as api, asyncio.TaskGroup() as tasks:
        while line := await reader.readline():
            tasks.create_task(answer(api, line))


asyncio.run(main())
