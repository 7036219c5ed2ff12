# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service at home: echoes the headers that it got, refuses /login, and answers upgrades. upstream.py ADDRESS PORT"""
import http.server
import json
import socketserver
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Upgrade"):
            self.send_response(101)
            self.send_header("Upgrade", self.headers["Upgrade"])
            self.send_header("Connection", "Upgrade")
            self.end_headers()
            self.wfile.write(b"upgraded")
            self.close_connection = True
            return
        data = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(401 if self.path.startswith("/login") else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = answer

    def log_message(self, *words):
        pass


class Server(http.server.ThreadingHTTPServer):
    def server_bind(self):
        """Without http.server's question for the name of the address, which nobody answers here: that took five seconds a test."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]


Server((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
