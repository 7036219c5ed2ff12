# SPDX-License-Identifier: LGPL-2.1-or-later
"""What Prometheus is told, judged by its own client's parser, by promtool and by Prometheus itself."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time
import uuid

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
COMMAND = os.environ.get("FBN_COMMAND", str(TOP / "build/examples/fabricnet/fabricnet"))
PARSE = """
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
print(json.dumps({f.name: [f.type, [[s.name, s.labels, s.value] for s in f.samples]] for f in text_string_to_metric_families(sys.stdin.read())}))
"""
KEPT = ("wireguard", "fabricnet")  # how names of ours begin


def run(*words, **options):
    return subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=60, **options)


def families(text):
    return json.loads(run("/usr/bin/python3", "-c", PARSE, input=text, check=True).stdout)


@pytest.fixture
def netns():
    name = f"fbn-metrics-{uuid.uuid4().hex[:8]}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


def ssh_key(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


@pytest.fixture
def folder(netns, tmp_path):
    """A fabric of two; a collects the metrics of b by a key of its own."""
    keys = {name: run("wg", "genkey").stdout.strip() for name in "ab"}
    public = {name: run("wg", "pubkey", input=key).stdout.strip() for name, key in keys.items()}
    for name, key in keys.items():
        (tmp_path / f"{name}.key").write_text(key + "\n")
        (tmp_path / f"{name}.key").chmod(0o600)
    members = {name: {"address": f"10.7.0.{i}", "public_key": public[name], "endpoint": f"192.0.2.{i}:51820"} for i, name in enumerate("ab", 1)}
    for name, member in members.items():
        member["private_key"] = {"file": f"{name}.key"}
    (tmp_path / "reader.pub").write_text(ssh_key(tmp_path / "reader"))
    document = {"fabric": 1, "name": "n", "prefixes": {"p": "10.7.0.0/24"}, "hosts": {"a": {}, "b": {}},
                "wireguard": {"t": {"prefix": "p", "members": members}},
                "monitoring": {"at": "a", "interval": "1s", "hosts": {"b": {"private_key": {"file": "reader"}, "host_key": ssh_key(tmp_path / "host"), "port": 2222}}},
                "expect": [{"from": "a", "to": "a/icmp", "is": "delivered"}]}
    (tmp_path / "fabric.json").write_text(json.dumps(document))
    subprocess.run(["ip", "-n", netns, "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "-n", netns, "address", "add", "10.7.0.2/32", "dev", "lo"], check=True)
    yield tmp_path
    run(COMMAND, "--netns", netns, "wg", "delete", "wg0")


@pytest.fixture
def on_host(netns, folder):
    return COMMAND, "--netns", netns, "--state", folder / "state", "-f", folder / "fabric.json", "--host", "a", "--local-only"


@contextlib.contextmanager
def sshd(netns, folder, says):
    """b's, where the reader's key runs one command and nothing else."""
    (folder / "says").write_text(f"#!/bin/sh\n{says}\n")
    (folder / "says").chmod(0o755)
    (folder / "keys").write_text(f'restrict,command="{folder}/says" {(folder / "reader.pub").read_text()}\n')
    pathlib.Path("/run/sshd").mkdir(exist_ok=True)
    process = subprocess.Popen(["ip", "netns", "exec", netns, "/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null", "-h", folder / "host", "-p", "2222", "-o",
                                f"AuthorizedKeysFile={folder}/keys", "-o", "StrictModes=no", "-o", "UsePAM=no", "-o", "PidFile=none"], stderr=subprocess.PIPE, text=True)
    try:
        while "listening" not in (line := process.stderr.readline()):
            assert line, "sshd ends"
        yield
    finally:
        process.terminate()
        process.wait()


def collected(on_host):
    done = run(*on_host, "metrics", "get", "b")
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def exporter(on_host, *options):
    process = subprocess.Popen([*map(str, on_host), "metrics", "serve", *map(str, options)], stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, process.stderr.read()


def ask(path, request, patience=30):
    """The whole answer of a server on a unix socket, which may still be starting."""
    deadline = time.monotonic() + 10
    while True:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(patience)
            try:
                client.connect(str(path))
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
                continue
            client.sendall(request)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := client.recv(65536):
                    answer += piece
            return answer.decode()


def get(path, target):
    return ask(path, f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())


def test_a_stock_parser_reads_what_dashboards_expect(on_host):
    assert run(*on_host, "apply").returncode == 0
    told = run(*on_host, "--openmetrics", "--probe", "status")
    assert told.stdout.endswith("# EOF\n"), told.stderr
    found = families(told.stdout)
    (name, labels, value), = found["wireguard_latest_handshake_seconds"][1]
    assert (labels["interface"], labels["allowed_ips"], labels["friendly_name"], value) == ("wg0", "10.7.0.2/32", "b", 0)
    assert found["wireguard_sent_bytes"][0] == "counter" and found["wireguard_sent_bytes"][1][0][0] == "wireguard_sent_bytes_total"
    assert {sample[1]["domain"]: sample[2] for sample in found["fabricnet_differences"][1]}["route"] == 0
    assert ["fabricnet_fact_healthy", {"host": "a", "domain": "expect", "object": "a/icmp"}, 1] in found["fabricnet_fact_healthy"][1]
    assert found["fabricnet_probe_seconds"][1][0][1] == {"host": "a", "from": "a", "to": "a/icmp"}
    assert found["fabricnet_info"][1][0][1]["fabric"] == "n"
    checked = run("promtool", "check", "metrics", input=told.stdout)
    assert checked.returncode in (0, 3) and "error while linting" not in checked.stderr, checked.stderr


def test_what_differs_is_told_by_domain(on_host, netns):
    assert run(*on_host, "apply").returncode == 0
    subprocess.run(["ip", "-n", netns, "link", "set", "wg0", "mtu", "1300"], check=True)
    differences = families(run(*on_host, "status", "--openmetrics").stdout)["fabricnet_differences"][1]
    assert {sample[1]["domain"]: sample[2] for sample in differences if sample[2]} == {"link": 1}


def test_a_file_for_node_exporter_is_replaced_in_one_step(on_host, folder):
    path = folder / "fabricnet.prom"
    assert run(*on_host, "--openmetrics", "-o", path, "status").returncode == 2
    before = path.stat()
    assert path.read_text().endswith("# EOF\n") and before.st_mode & 0o777 == 0o644
    with path.open() as open_file:
        assert run(*on_host, "--openmetrics", "-o", path, "status").returncode == 2
        assert path.stat().st_ino != before.st_ino and open_file.read().endswith("# EOF\n")
    assert run(*on_host, "--openmetrics", "-o", folder / "none" / "x.prom", "status").returncode == 1
    assert sorted(entry.name for entry in folder.glob("fabricnet.prom*")) == ["fabricnet.prom"]


def test_it_looks_again_and_again_until_interrupted(on_host):
    process = subprocess.Popen([*map(str, on_host), "--json", "--interval", "0.1", "status"], stdout=subprocess.PIPE, text=True)
    first, deadline = "", time.monotonic() + 30
    while first.count('"differences"') < 2 and time.monotonic() < deadline:
        first += process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode in (0, 1, 2)
    assert first.count('"differences"') >= 2


def test_the_server_answers_what_it_should_and_refuses_the_rest(on_host, folder):
    path = folder / "socket"
    with exporter(on_host, "--listen", path):
        answer = get(path, "/metrics")
        head, _, body = answer.partition("\r\n\r\n")
        assert head.startswith("HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n")
        assert f"Content-Length: {len(body.encode())}" in head and "Connection: close" in head
        assert families(body)["fabricnet_info"][1][0][1]["host"] == "a"
        assert path.stat().st_mode & 0o777 == 0o660
        assert get(path, "/metrics?host=a").startswith("HTTP/1.1 200 ")
        for target in ("/", "/metrics/", "/metrics?hosts=a", "/metrics?host=stranger", "/metrics?host=../a", "/metricsx"):
            assert get(path, target).startswith("HTTP/1.1 404 "), target
        assert "Allow: GET" in ask(path, b"POST /metrics HTTP/1.1\r\n\r\n")
        assert ask(path, b"hello\r\n\r\n").startswith("HTTP/1.1 400 ")
        assert ask(path, b"GET /metrics\r\n\r\n").startswith("HTTP/1.1 400 ")
        assert ask(path, b"GET /" + b"a" * 4000).startswith("HTTP/1.1 431 ")
        assert get(path, "/metrics").startswith("HTTP/1.1 200 ")
    assert not path.exists()


def test_who_dawdles_keeps_nobody_from_an_answer(on_host, folder):
    path = folder / "socket"
    with exporter(on_host, "--listen", path) as process:
        get(path, "/metrics")
        idle = [socket.socket(socket.AF_UNIX) for _ in range(20)]
        for client in idle:
            client.connect(str(path))
        # Sixteen are heard at a time; they have ten seconds to ask, and then it is the others' turn.
        assert get(path, "/metrics").startswith("HTTP/1.1 200 ")
        for client in idle:
            client.close()
        threads = [threading.Thread(target=get, args=(path, "/metrics")) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert get(path, "/metrics").startswith("HTTP/1.1 200 ")
        assert len(list(pathlib.Path(f"/proc/{process.pid}/fd").iterdir())) < 10
        assert not run("pgrep", "-P", process.pid).stdout


def test_where_it_listens(on_host, folder):
    for where in ("0.0.0.0:9586", "192.0.2.1:9586", "[::]:9586", "[fe80::1]:9586", "localhost:1", "127.0.0.1", "127.0.0.1:0"):
        done = run(*on_host, "--listen", where, "metrics", "serve")
        assert done.returncode == 3 and "on loopback" in done.stderr, where
    path = folder / "socket"
    with exporter(on_host, "--listen", path):
        get(path, "/metrics")
        assert "in use" in run(*on_host, "--listen", path, "metrics", "serve").stderr
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))
    with exporter(on_host, "--listen", path):
        assert get(path, "/metrics").startswith("HTTP/1.1 200 ")


def test_a_failed_look_is_told_with_its_reason(on_host, folder):
    path = folder / "socket"
    with exporter(on_host, "--listen", path):
        get(path, "/metrics")
        kept = (folder / "fabric.json").read_text()
        (folder / "fabric.json").write_text("{")
        time.sleep(5.5)  # an answer is given again for five seconds
        answer = get(path, "/metrics")
        assert answer.startswith("HTTP/1.1 502 ") and "fabric.json:1" in answer
        (folder / "fabric.json").write_text(kept)
        time.sleep(5.5)
        assert get(path, "/metrics").startswith("HTTP/1.1 200 ")


def test_another_host_is_asked_over_ssh(on_host, netns, folder):
    own = f"{COMMAND} --netns {netns} --state {folder}/state-b -f {folder}/fabric.json --local-only --host b status --openmetrics"
    with sshd(netns, folder, own):
        found = families(collected(on_host))
        assert {sample[1]["host"] for family in found.values() for sample in family[1]} == {"b"}
        as_unit = ["ip", "netns", "exec", netns, "setpriv", "--no-new-privs", "--bounding-set=-all,+net_admin,+net_raw"]
        done = run(*as_unit, COMMAND, "-f", folder / "fabric.json", "--host", "a", "metrics", "get", "b")
        assert done.returncode == 0 and done.stdout.endswith("# EOF\n"), done.stderr
        path = folder / "socket"
        with exporter(on_host, "--listen", path):
            assert 'fabricnet_info{host="b"' in get(path, "/metrics?host=b")
            assert 'fabricnet_info{host="a"' in get(path, "/metrics")
    assert run(*on_host, "metrics", "get", "a").returncode == 3
    late = run(*on_host, "metrics", "get", "b")
    assert late.returncode == 1 and "host b: " in late.stderr and "refused" in late.stderr


def test_a_router_without_fabricnet_prints_what_wg_shows(on_host, netns, folder):
    peer = json.loads((folder / "fabric.json").read_text())["wireguard"]["t"]["members"]["a"]["public_key"]
    stranger = "A" * 43 + "="
    lines = [f"tun_wg0\t{peer}\t1000\t2000", f"tun_wg0\t{stranger}\t0\t0", f"tun_wg0\t{peer}\t1700000000", f"tun_wg0\t{stranger}\t0",
             f"tun_wg0\t{peer}\t10.7.0.1/32 192.168.8.0/24", f"tun_wg0\t{stranger}\t(none)"]
    text = "\\n".join(line.replace("\t", "\\t") for line in lines)
    with sshd(netns, folder, f"printf '{text}\\n'"):
        found = families(collected(on_host))
    labels = {"host": "b", "interface": "tun_wg0", "public_key": peer, "allowed_ips": "10.7.0.1/32,192.168.8.0/24", "friendly_name": "a"}
    assert ["wireguard_received_bytes_total", labels, 1000] in found["wireguard_received_bytes"][1]
    assert ["wireguard_sent_bytes_total", labels, 2000] in found["wireguard_sent_bytes"][1]
    assert ["wireguard_latest_handshake_seconds", labels, 1700000000] in found["wireguard_latest_handshake_seconds"][1]
    assert len(found["wireguard_sent_bytes"][1]) == 2


@pytest.mark.parametrize("says, why", [
    ("true", "does not say why"), ("echo", "nothing in its answer"), ("echo hello", "line 1 is neither"), ("printf '# TYPE x gauge\\nx 1\\n'", "cut off"),
    ("printf '# TYPE x gauge\\nx{host=\"a\"} 1\\n# EOF\\n'", "line 2 is no sample of host 'b'"), ("printf 'wg0\\tshort\\t1\\n'", "line 1 is neither"),
    ("echo fabricnet: fabric.json: no such file >&2; exit 3", "host b: fabricnet: fabric.json: no such file"), ("head -c 3000000 /dev/zero", "zero byte")], ids=["nothing", "an empty line", "words", "half", "of another", "no key", "its error", "zeros"])
def test_what_is_no_metrics_is_refused(on_host, netns, folder, says, why):
    with sshd(netns, folder, says):
        done = run(*on_host, "metrics", "get", "b")
    assert done.returncode == 1 and not done.stdout and why in done.stderr, done.stderr


def test_nobody_but_the_declared_host_is_asked(on_host, netns, folder):
    (folder / "host").unlink()
    ssh_key(folder / "host")
    with sshd(netns, folder, "echo"):
        done = run(*on_host, "metrics", "get", "b")
    assert "its key is not the declared one" in done.stderr
    (folder / "reader").unlink()
    ssh_key(folder / "other")
    (folder / "other").rename(folder / "reader")
    (folder / "fabric.json").write_text(re.sub(r'"host_key": "[^"]*"', f'"host_key": "{" ".join((folder / "host.pub").read_text().split()[:2])}"',
                                               (folder / "fabric.json").read_text()))
    with sshd(netns, folder, "echo"):
        done = run(*on_host, "metrics", "get", "b")
    assert "our key is not in its authorized_keys" in done.stderr


def test_a_locked_key_is_named_as_locked(on_host, folder):
    (folder / "reader").write_bytes(b"\0GITCRYPT\0" + bytes(12))
    done = run(*on_host, "metrics", "get", "b")
    assert done.returncode == 3 and "host b: " in done.stderr and "git-crypt" in done.stderr, done.stderr


def rendered(folder, on_host, *names):
    for name in names:
        (folder / f"{name}.yml").write_text(run(*on_host, "render", name, check=True).stdout)
    if "alerts" in names:
        (folder / "alerts.yml").rename(folder / "fabricnet-alerts.yml")


def test_prometheus_scrapes_both_hosts_by_the_rendered_file(on_host, netns, folder):
    rendered(folder, on_host, "prometheus", "alerts")
    checked = run("promtool", "check", "config", folder / "prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    own = f"{COMMAND} --netns {netns} --state {folder}/state-b -f {folder}/fabric.json --local-only --host b status --openmetrics"
    inside = ["ip", "netns", "exec", netns]
    listening = ["--listen", "127.0.0.1:9586"]
    with sshd(netns, folder, own), exporter([*inside, *on_host], *listening):
        with (folder / "prometheus.log").open("w") as log:
            prometheus = subprocess.Popen([*inside, "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                                           "--web.listen-address=127.0.0.1:9090"], stdout=log, stderr=log)
        try:
            seen, deadline = {}, time.monotonic() + 60
            while sorted(seen) != ["a", "b"] and time.monotonic() < deadline:
                time.sleep(0.5)
                answer = run(*inside, "curl", "-s", "http://127.0.0.1:9090/api/v1/query?query=fabricnet_info").stdout
                seen = {result["metric"]["host"]: result["metric"]["job"] for result in json.loads(answer)["data"]["result"]} if answer else {}
            assert seen == {"a": "fabricnet-a", "b": "fabricnet-b"}, (folder / "prometheus.log").read_text()
        finally:
            prometheus.terminate()
            prometheus.wait()


def test_what_rules_and_dashboard_name_is_what_the_exporter_says(on_host, tmp_path):
    homelab = TOP / "examples/homelab/fabric.json"
    rules = run(COMMAND, "-f", homelab, "--host", "vps", "render", "alerts", check=True).stdout
    told = run(*on_host, "--openmetrics", "status").stdout
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", told, re.M))
    said = {name + ("_total" if kind == "counter" else "") for name, kind in types.items()}
    dashboard = json.loads((TOP / "examples/monitoring/dashboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]] + re.findall(r"expr: (.*)", rules)
    queries += [variable["query"]["query"] for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
    named = {word for query in queries for word in re.findall(r"[a-z_]+", re.sub(r'"[^"]*"', "", query)) if word.startswith(KEPT)}
    assert len(named) > 15
    assert named <= said, sorted(named - said)


def test_alerts_fire_when_they_should(tmp_path):
    homelab = TOP / "examples/homelab/fabric.json"
    (tmp_path / "fabricnet-alerts.yml").write_text(run(COMMAND, "-f", homelab, "--host", "vps", "render", "alerts", check=True).stdout)
    series = {  # over two hours; the clock begins at 0, so that a handshake that stays 0 grows old
        'wireguard_latest_handshake_seconds{host="vps",friendly_name="pfsense"}': "0+0x120",
        'wireguard_latest_handshake_seconds{host="vps",friendly_name="phone"}': "0+0x120",
        'up{job="fabricnet-pfsense",host="pfsense"}': "0+0x120",
        'fabricnet_differences{host="nas",domain="route"}': "1+0x120",
        'fabricnet_mesh_route_serving{host="vps",node="nas",route="192.168.8.0/24"}': "0+0x120",
        'fabricnet_mesh_route_serving{host="vps",node="lxc",route="192.168.8.0/24"}': "0+0x120",
        'fabricnet_mesh_route_serving{host="vps",node="nas",route="192.168.20.0/24"}': "0+0x120",
        'fabricnet_mesh_route_serving{host="vps",node="lxc",route="192.168.20.0/24"}': "1+0x120",
        'fabricnet_mesh_node_online{host="vps",node="laptop"}': "0+0x120",
        'fabricnet_backup_failed{host="nas",backup="router",of="pfsense"}': "1+0x120",
    }
    series['fabricnet_certificate_not_after_seconds{host="vps",name="public"}'] = f"{13 * 86400}+0x120"
    series['fabricnet_certificate_not_after_seconds{host="vps",name="other"}'] = f"{60 * 86400}+0x120"
    firing = {"FabricnetCertificateEnds": 1, "FabricnetTunnelSilent": 1, "FabricnetUnseen": 1, "FabricnetDrift": 1, "FabricnetRouteUnserved": 1, "FabricnetBackupFailed": 1}
    samples = [{"labels": f'{{alertname="{name}"}}', "value": count} for name, count in firing.items()]
    test = {"rule_files": ["fabricnet-alerts.yml"], "evaluation_interval": "1m",
            "tests": [{"interval": "1m", "input_series": [{"series": name, "values": values} for name, values in series.items()],
                       "promql_expr_test": [{"expr": 'count by (alertname) (ALERTS{alertstate="firing"})', "eval_time": "100m", "exp_samples": samples},
                                            {"expr": 'count(ALERTS{friendly_name="phone"})', "eval_time": "100m", "exp_samples": []}]}]}
    (tmp_path / "test.yml").write_text(json.dumps(test))  # JSON is YAML
    done = run("promtool", "test", "rules", tmp_path / "test.yml")
    assert done.returncode == 0, done.stdout + done.stderr
