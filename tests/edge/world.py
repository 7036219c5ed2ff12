# SPDX-License-Identifier: LGPL-2.1-or-later
"""nginx on the host of the sandbox, a service behind it, and visitors with a CDN and without."""
import json
import pathlib
import subprocess
import sys

from conftest import run, until

import fabricnet

HERE = pathlib.Path(__file__).parent
CDN = "198.51.100.1"


class World:
    """nginx on the host, a service on the server, and in the visitor's namespace both the CDN's edge and who comes without it."""

    def __init__(self, folder):
        self.folder = folder
        self.directory = folder / "conf.d"
        self.directory.mkdir()
        self.ranges = folder / "ranges"
        self.ranges.write_text("198.51.100.0/24\n2001:db8:cf::/48\n")
        self.options = {"directory": self.directory, "nginx_conf": folder / "nginx.conf", "nginx_pid": folder / "nginx.pid", "log": folder / "access.log",
                        "ranges_file": self.ranges}
        (folder / "nginx.conf").write_text(f"""user root; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u;
        scgi_temp_path {folder}/s; include {self.directory}/*.conf; }}
""")
        self.context = fabricnet.Context()
        self.upstream = subprocess.Popen(["ip", "netns", "exec", "server", sys.executable, str(HERE / "upstream.py"), "10.9.0.2", "8080"])
        assert until(lambda: run("curl", "-sS", "-o", "/dev/null", "-m", "1", "http://10.9.0.2:8080/", check=False).returncode == 0, 60)
        run("bash", "-ec", "ip address add 198.51.100.254/24 dev wan0; ip -n visitor address add 198.51.100.1/24 dev eth0")

    def service(self, **members):
        return {"name": "photos", "names": ["photos.example.net"], "upstream": "10.9.0.2", "port": 8080, **members}

    def apply(self, *services, **options):
        return self.context.edge.services(services, **{**self.options, **options})

    def start(self):
        run("nginx", "-c", self.folder / "nginx.conf")
        assert until(lambda: (self.folder / "nginx.pid").exists())

    def get(self, path="/", *, name="photos.example.net", cdn=True, header=None, words=(), tls=False):
        """What the visitor gets: (status, body); status 0 is no answer."""
        port = 443 if tls else 80
        command = ["ip", "netns", "exec", "visitor", "curl", "-sS", "-k", "-m", "5", "-w", "\n%{http_code}", "--resolve", f"{name}:{port}:192.0.2.1",
                   "--interface", CDN if cdn else "192.0.2.2", *words]
        for value in [header] if isinstance(header, str) else header or []:
            command += ["-H", f"CF-Connecting-IP: {value}"]
        result = run(*command, f"{'https' if tls else 'http'}://{name}{path}", check=False)
        body, _, status = result.stdout.rpartition("\n")
        return int(status), body

    def seen(self, **how):
        """Who the service thinks that the visitor is."""
        status, body = self.get(**how)
        return json.loads(body)["x-real-ip"] if status == 200 else status

    def close(self):
        if (self.folder / "nginx.pid").exists():
            run("kill", (self.folder / "nginx.pid").read_text().strip(), check=False)
        self.upstream.kill()
        self.upstream.wait()
        self.context.close()
