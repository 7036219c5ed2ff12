# SPDX-License-Identifier: LGPL-2.1-or-later
"""What stands between a client and its server: relay.py socket PATH ADDRESS PORT, a unix socket before a TCP port; relay.py proxy PORT, an HTTP proxy
on 127.0.0.1 that knows CONNECT alone. Each says in a line what it was asked for, so that a test sees that it was."""

import socket
import sys
import threading


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def relay(client, address):
    server = socket.create_connection(address)
    threading.Thread(target=copy, args=(server, client), daemon=True).start()
    copy(client, server)


def proxied(client):
    head = b""
    while b"\r\n\r\n" not in head:
        data = client.recv(4096)
        if not data:
            return
        head += data
    line = head.split(b"\r\n")[0].decode()
    print(line, flush=True)
    method, target, _ = line.split(" ")
    if method != "CONNECT" or b"uthorization: Bearer" in head:
        client.sendall(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
        return
    host, port = target.rsplit(":", 1)
    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    relay(client, (host, int(port)))


def main():
    if sys.argv[1] == "socket":
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(sys.argv[2])
    else:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", int(sys.argv[2])))
    listener.listen()
    while True:
        client, _ = listener.accept()
        if sys.argv[1] == "socket":
            hello = client.recv(4096, socket.MSG_PEEK)  # what it offers beside HTTP/1.1 is in the clear (RFC 7301)
            print("connection h2" if b"\x02h2" in hello else "connection", flush=True)
            threading.Thread(target=relay, args=(client, (sys.argv[3], int(sys.argv[4]))), daemon=True).start()
        else:
            threading.Thread(target=proxied, args=(client,), daemon=True).start()


main()
