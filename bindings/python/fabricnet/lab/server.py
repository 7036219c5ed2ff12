# SPDX-License-Identifier: LGPL-2.1-or-later
"""A small web server for lab hosts: says who it is and who asks, sends bulk data, echoes WebSocket messages.

usage: server.py NAME [ADDRESS:]PORT...
GET /            one line: "NAME:PORT sees CLIENT ADDRESS"
GET /login       401: whoever comes has the wrong password
GET /bytes/N     N bytes
Upgrade          WebSocket echo (RFC 6455, text and binary frames below 64 KiB)
"""

import asyncio
import base64
import hashlib
import sys

_WEBSOCKET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_BLOCK = bytes(range(256)) * 64


async def _head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return lines[0].split(" ")[1] if " " in lines[0] else "/", headers


async def _page(writer: asyncio.StreamWriter, name: str) -> None:
    here, there = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
    body = f"{name}:{here[1]} sees {there[0]}\n".encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


async def _refusal(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"lab\"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")


async def _bytes(writer: asyncio.StreamWriter, count: int) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % count)
    while count > 0:
        writer.write(_BLOCK[:count])
        count -= len(_BLOCK)
        await writer.drain()


async def _frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first, second = await reader.readexactly(2)
    length = second & 127
    if length == 126:
        length = int.from_bytes(await reader.readexactly(2), "big")
    mask = await reader.readexactly(4)
    data = await reader.readexactly(length)
    return first & 15, bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> None:
    accept = base64.b64encode(hashlib.sha1(key.encode() + _WEBSOCKET).digest())
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    while True:
        kind, data = await _frame(reader)
        length = bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2, "big")
        writer.write(bytes([0x80 | kind]) + length + data)
        await writer.drain()
        if kind == 8:
            return


async def _serve(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        path, headers = await asyncio.wait_for(_head(reader), 10)
        if headers.get("upgrade", "").lower() == "websocket":
            await _echo(reader, writer, headers.get("sec-websocket-key", ""))
        elif path.startswith("/bytes/") and path[7:].isdigit():
            await _bytes(writer, int(path[7:]))
        elif path == "/login":
            await _refusal(writer)
        else:
            await _page(writer, name)
        await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()


async def _main(name: str, places: list[str]) -> None:
    servers = []
    for place in places:
        address, _, port = place.rpartition(":")
        servers.append(await asyncio.start_server(lambda r, w: _serve(name, r, w), address or None, int(port)))
    print("listening", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2:]))
