"""Very many streamed answers at once, followed by one thread."""

import asyncio
import dataclasses
import json
import socket
import time
import urllib.parse


@dataclasses.dataclass
class Stream:
    """What one client saw. Times are of time.monotonic()."""
    status: int = 0
    text: str = ""
    finish: str | None = None
    done: bool = False
    asked: float = 0
    events: list = dataclasses.field(default_factory=list)  # when each came
    body: str = ""  # of an answer that is no stream

    def longest_gap(self):
        times = [self.asked, *self.events]
        return max(b - a for a, b in zip(times, times[1:], strict=False)) if self.events else float("inf")


def _take(stream, line):
    data = line.removeprefix(b"data: ").strip()
    if data == b"[DONE]":
        stream.done = True
        return
    choice = next(iter(json.loads(data).get("choices", [])), None)
    if choice is None:
        return
    stream.events.append(time.monotonic())
    stream.text += choice.get("text") or ""
    stream.finish = choice.get("finish_reason") or stream.finish


async def connect(server, receive_buffer=None):
    """A connection that leaves what comes where it is, so that a small buffer soon is full."""
    url = urllib.parse.urlsplit(server.url)
    plain = socket.socket()
    if receive_buffer:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    plain.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plain, (url.hostname, url.port))
    return await asyncio.open_connection(sock=plain, ssl=server.tls, limit=1 << 16,
                                         server_hostname=url.hostname if server.tls else None)


async def ask(writer, body):
    data = json.dumps({"stream": True, **body}).encode()
    writer.write(b"POST /v1/completions HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
                 b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
    await writer.drain()


async def read(reader, stream):
    """To the end of the answer."""
    stream.status = int((await reader.readline()).split()[1])
    while (await reader.readline()).strip():
        pass
    if stream.status != 200:
        stream.body = (await reader.read()).decode()
        return stream
    async for line in reader:
        if line.startswith(b"data: "):
            _take(stream, line)
    return stream


async def follow(server, body, opened=None):
    """One whole stream; waits for `opened`, a barrier of all clients, before it asks."""
    stream = Stream()
    reader, writer = await connect(server)
    if opened:
        await opened.wait()
    stream.asked = time.monotonic()
    await ask(writer, body)
    await read(reader, stream)
    writer.close()
    return stream
