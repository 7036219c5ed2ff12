# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tests of several verbs share."""
import http.server
import json
import threading

import pytest


class _Json(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def do_GET(self):
        self.server.keys.append(self.headers.get("Authorization"))
        body = json.dumps(self.server.answers[self.path]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def json_server():
    """Gives answers[path] as JSON; keys are those that it was shown."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Json)
    server.answers, server.keys = {}, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
