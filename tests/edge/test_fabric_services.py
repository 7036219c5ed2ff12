# SPDX-License-Identifier: LGPL-2.1-or-later
"""The fabric file's services, certificates and bans: applied to a real nginx and fail2ban, undone, taken away."""
import copy
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest
from conftest import COMMAND, elements, run, until

SERVICES = pathlib.Path("/etc/nginx/conf.d")
FILE = SERVICES / "fabricnet-photos.example.net.conf"
COMMON = SERVICES / "fabricnet-0-common.conf"
FAIL2BAN = pathlib.Path("/etc/fail2ban/jail.d/fabricnet.conf")
DOCUMENT = {
    "fabric": 1,
    "name": "edge",
    "prefixes": {"lan": "10.9.0.0/24"},
    "hosts": {
        "vps": {"interfaces": {"wan0": {"wan": True}, "lan0": {"address": "10.9.0.1"}}},
        "server": {"interfaces": {"eth0": {"address": "10.9.0.2"}}},
    },
    "certificates": {"mine": {"files": {"certificate": "/etc/ssl/mine.pem", "key": "/etc/ssl/mine.key"}}},
    "services": {"photos.example.net": {"at": "vps", "to": "server:8080", "certificate": "mine", "websocket": True, "body_mib": 1}},
}


class Public:
    """The host of the sandbox with folders of its own, nginx as Debian starts it, and a fabric file."""

    def __init__(self, folder):
        self.folder = folder
        self.document = copy.deepcopy(DOCUMENT)
        self.write()

    def write(self):
        (self.folder / "fabric.json").write_text(json.dumps(self.document, indent=2))

    def run(self, verb, *words):
        return run(COMMAND, verb, "-f", self.folder / "fabric.json", "--host", "vps", "--state", self.folder / "state", *words, check=False)

    def apply(self, *words, code=0):
        self.write()
        result = self.run("apply", *words)
        assert result.returncode == code, result.stderr + result.stdout
        return result

    def plan(self):
        self.write()
        result = self.run("plan", "--json")
        assert result.returncode in (0, 2), result.stderr
        steps = json.loads(result.stdout)["steps"]
        return [(step["kind"], pathlib.Path(step["object"]).name, step["line"]) for step in steps if step["domain"] in ("services", "edge")]

    def facts(self):
        result = self.run("status", "--json")
        return {(fact["domain"], fact["object"]): fact for fact in json.loads(result.stdout)["facts"]}

    def line(self, word):
        """Where a word first stands in the file."""
        return next(i for i, line in enumerate((self.folder / "fabric.json").read_text().splitlines(), 1) if word in line)

    def get(self, path="/", *, name="photos.example.net", tls=True, words=()):
        port = 443 if tls else 80
        result = run("ip", "netns", "exec", "visitor", "curl", "-sSk", "-m", "5", "-w", "\n%{http_code}", "--resolve", f"{name}:{port}:192.0.2.1", *words,
                     f"{'https' if tls else 'http'}://{name}{path}", check=False)
        return int(result.stdout.rpartition("\n")[2])


@pytest.fixture
def public(tmp_path, network):
    assert pathlib.Path("/run/var-lib").is_dir(), "to be run in tests/bindings/sandbox only: it writes to /etc"
    run("bash", "-ec", """own=$(mktemp -d -p /run)
        for folder in /etc /var/log; do
            upper=$own$folder; mkdir -p $upper/upper $upper/work
            mount -t overlay -o lowerdir=$folder,upperdir=$upper/upper,workdir=$upper/work overlay $folder
        done
        rm -f /etc/nginx/sites-enabled/default
        rm -rf /etc/fabricnet /etc/letsencrypt /var/lib/fabricnet; mkdir /etc/letsencrypt
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /etc/ssl/mine.key -out /etc/ssl/mine.pem -days 40 -subj /CN=mine""")
    upstream = subprocess.Popen(["ip", "netns", "exec", "server", "python3", str(pathlib.Path(__file__).parent / "upstream.py"), "10.9.0.2", "8080"])
    assert until(lambda: run("curl", "-sS", "-o", "/dev/null", "-m", "1", "http://10.9.0.2:8080/", check=False).returncode == 0, 60)
    run("nginx")
    made = Public(tmp_path)
    yield made
    run("kill", pathlib.Path("/run/nginx.pid").read_text().strip())
    upstream.kill()
    upstream.wait()
    assert until(lambda: not pathlib.Path("/run/nginx.pid").exists())
    run("umount", "--lazy", "/var/log")
    run("umount", "--lazy", "/etc")


def test_what_is_declared_is_served_and_what_is_not_goes(public):
    assert public.plan() == [("create", "fabricnet-0-common.conf", public.line('"photos.')), ("create", "fabricnet-photos.example.net.conf", public.line('"photos.'))]
    assert not COMMON.exists()
    public.apply()
    assert until(lambda: public.get() == 200) and public.get(name="other.example.net") == 0 and public.get(tls=False) == 301
    assert public.plan() == [] and public.apply().stdout.count("services") == 0
    assert "proxy_pass http://10.9.0.2:8080;" in FILE.read_text() and "client_max_body_size 1048576;" in FILE.read_text()
    facts = public.facts()
    assert facts["services", "service photos.example.net"]["health"] == "ok" and "by lan0: answered" in facts["services", "service photos.example.net"]["text"]
    assert facts["services", "nginx: port 443"]["health"] == "ok"
    assert facts["services", "certificate mine"]["health"] == "ok" and re.search("(39|40) days", facts["services", "certificate mine"]["text"])
    public.document["services"]["files.example.net"] = {"at": "vps", "to": "server:8080", "also": ["more.example.net"], "certificate": "mine"}
    assert public.plan() == [("create", "fabricnet-files.example.net.conf", public.line('"files.'))]
    public.apply()
    assert until(lambda: public.get(name="more.example.net") == 200)
    theirs = SERVICES / "fabricnet-theirs.conf"
    theirs.write_text("# by hand\n")
    public.document["services"] = {}
    assert [step[:2] for step in public.plan()] == [("delete", "fabricnet-0-common.conf"), ("delete", "fabricnet-files.example.net.conf"),
                                                    ("delete", "fabricnet-photos.example.net.conf")]
    public.apply()
    assert list(SERVICES.iterdir()) == [theirs] and until(lambda: public.get() == 0)


def test_what_is_undone_is_as_it_was(public):
    public.apply()
    before = {path: path.read_bytes() for path in SERVICES.iterdir()}
    public.document["services"]["photos.example.net"]["websocket"] = False
    public.document["services"]["files.example.net"] = {"at": "vps", "to": "server:8080", "certificate": "mine"}
    public.apply()
    assert len(list(SERVICES.iterdir())) == 3
    assert public.run("rollback").returncode == 0
    assert {path: path.read_bytes() for path in SERVICES.iterdir()} == before
    assert until(lambda: public.get(name="files.example.net") == 0) and public.get() == 200
    # Nobody confirms: it undoes itself.
    public.apply("--confirm-within", "2s")
    assert len(list(SERVICES.iterdir())) == 3
    assert until(lambda: '"undone"' in public.run("history", "--json").stdout)
    assert {path: path.read_bytes() for path in SERVICES.iterdir()} == before


def test_what_nginx_refuses_leaves_the_host_as_it_was(public):
    public.apply()
    before = {path: path.read_bytes() for path in SERVICES.iterdir()}
    pathlib.Path("/etc/ssl/mine.pem").write_text("nonsense\n")
    public.document["hosts"]["vps"]["rp_filter"] = "off"
    public.document["services"]["photos.example.net"]["websocket"] = False
    assert "broken before, nothing changed" in public.apply(code=4).stderr
    assert run("sysctl", "-n", "net.ipv4.conf.all.rp_filter").stdout == "2\n"
    assert {path: path.read_bytes() for path in SERVICES.iterdir()} == before
    assert public.facts()["services", "certificate mine"]["health"] == "down"


def test_files_of_others_are_named_and_left_alone(public):
    FILE.write_text("# by hand\n")
    result = public.apply(code=1)
    assert "is not ours" in result.stderr and FILE.read_text() == "# by hand\n" and not COMMON.exists()


def test_a_page_for_all_other_names_is_named(public):
    (SERVICES / "theirs.conf").write_text("server { listen 80 default_server; }\n")
    result = public.apply(code=4)
    assert "duplicate default server" in result.stderr and "take that file away" in result.stderr and not COMMON.exists()


def test_bans_and_jails_come_and_go_with_the_file(public):
    pathlib.Path("/etc/fabricnet/secrets").mkdir(parents=True)
    token = public.folder / "token"
    token.write_text("token-that-must-not-leak\n")
    token.chmod(0o600)
    public.document["services"]["photos.example.net"]["cdn"] = True
    public.document["edge"] = {"vps": {"bans": {"duration": "600s", "never": ["203.0.113.7/32"], "cloudflare": {"zone": "0" * 32, "token": {"file": "token"}}},
                                       "fail2ban": {"jails": ["nginx", "sshd"], "retries": 3}}}
    public.write()
    assert "fabricnet ban ranges" in public.run("plan").stderr
    ranges = pathlib.Path("/var/lib/fabricnet/cdn-ranges")
    ranges.parent.mkdir(exist_ok=True)
    ranges.write_text("# fabricnet: made by libfabricnet; changes by hand are undone\n198.51.100.0/24\n2001:db8:cf::/48\n")
    public.apply()
    settings = pathlib.Path("/etc/fabricnet/ban.json").read_text()
    read = json.loads(settings.partition("\n")[2])
    assert read == {"duration": "600s", "never": ["10.9.0.0/24", "203.0.113.7/32"], "trusted": [], "never_file": str(ranges), "cdn_zone": "0" * 32,
                    "cdn_token": str(token), "nginx_map": "/var/lib/fabricnet/banned.map", "nginx_pid": "/run/nginx.pid"}
    assert "must-not-leak" not in settings
    # Debian enables a jail of sshd that has no log here: ours reads the journal.
    assert "[sshd]\nenabled = true" in FAIL2BAN.read_text() and "backend = systemd" in FAIL2BAN.read_text()
    assert run("fail2ban-client", "-t").returncode == 0
    assert "maxretry = 3" in FAIL2BAN.read_text() and "10.9.0.0/24" in FAIL2BAN.read_text() and "198.51.100.0/24" in FAIL2BAN.read_text()
    assert "set_real_ip_from 198.51.100.0/24;" in COMMON.read_text()
    assert public.facts()["ban", "engine"]["health"] == "down" and public.plan() == []
    # The engine reads what was written.
    engine = subprocess.Popen([COMMAND, "ban", "serve", "/etc/fabricnet/ban.json"], stderr=subprocess.PIPE, text=True)
    assert until(lambda: engine.poll() is not None or public.facts()["ban", "engine"]["health"] == "ok")
    assert engine.poll() is None and run(COMMAND, "ban", "add", "203.0.113.7", check=False).returncode != 0
    engine.terminate()
    engine.wait()
    del public.document["edge"]
    assert ("delete", "ban.json") in [step[:2] for step in public.plan()]
    public.apply()
    assert not FAIL2BAN.exists() and not pathlib.Path("/etc/fabricnet/ban.json").exists() and "fabricnet_banned" not in COMMON.read_text()


def test_the_certificate_of_an_authority_is_waited_for(public):
    public.document["certificates"]["mine"] = {"acme": {}}
    public.apply()
    hook = pathlib.Path("/etc/letsencrypt/renewal-hooks/deploy/fabricnet")
    assert hook.stat().st_mode & 0o111 and hook.read_text().startswith("#!/bin/sh\n# fabricnet: made")
    challenge = pathlib.Path("/var/lib/fabricnet/acme/.well-known/acme-challenge/x")
    challenge.parent.mkdir(parents=True)
    challenge.write_text("proof")
    assert until(lambda: public.get("/.well-known/acme-challenge/x", tls=False) == 200) and public.get(tls=False) == 503 and public.get() == 0
    assert "fabricnet certificates" in public.facts()["services", "certificate mine"]["text"]
    live = pathlib.Path("/etc/letsencrypt/live/mine")
    live.mkdir(parents=True)
    run("cp", "/etc/ssl/mine.pem", live / "fullchain.pem")
    run("cp", "/etc/ssl/mine.key", live / "privkey.pem")
    public.apply()
    assert until(lambda: public.get() == 200) and public.get("/.well-known/acme-challenge/x", tls=False) == 200
    run("bash", "-ec", "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /tmp/k -out /run/new.pem -days 1 -subj /CN=mine"
        f"; cp /run/new.pem {live}/fullchain.pem; cp /tmp/k {live}/privkey.pem; rm /tmp/k")
    run("/bin/sh", "-c", str(hook))
    serial = run("openssl", "x509", "-in", "/run/new.pem", "-noout", "-serial").stdout.strip()
    shown = "openssl s_client -connect 192.0.2.1:443 -servername photos.example.net </dev/null 2>/dev/null | openssl x509 -noout -serial"
    assert until(lambda: run("bash", "-c", shown, check=False).stdout.strip() == serial)
    assert public.facts()["services", "certificate mine"]["health"] == "warning"
    public.document["services"] = {}
    public.apply()
    assert not hook.exists()
    # What certbot got by hand, such as by DNS, it renews as well: that is told the same way.
    public.document["services"] = copy.deepcopy(DOCUMENT["services"])
    public.document["certificates"]["mine"] = {"files": {"certificate": f"{live}/fullchain.pem", "key": f"{live}/privkey.pem"}}
    public.apply()
    assert hook.exists() and "no service at 'vps'" in public.run("certificates").stderr


@pytest.fixture
def pebble(public):
    """An ACME server on the visitor's side, known to the host as acme.example.net, whose names all lead to the host."""
    folder = public.folder / "pebble"
    folder.mkdir()
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "key.pem", "-out", folder / "cert.pem",
        "-days", "2", "-subj", "/CN=acme.example.net", "-addext", "subjectAltName=DNS:acme.example.net")
    with open("/etc/ssl/certs/ca-certificates.crt", "a") as bundle:
        bundle.write((folder / "cert.pem").read_text())
    with open("/etc/hosts", "a") as hosts:
        hosts.write("192.0.2.2 acme.example.net\n192.0.2.1 photos.example.net more.example.net\n")
    (folder / "config.json").write_text(json.dumps({"pebble": {
        "listenAddress": "192.0.2.2:14000", "managementListenAddress": "127.0.0.1:15000", "certificate": str(folder / "cert.pem"),
        "privateKey": str(folder / "key.pem"), "httpPort": 80, "tlsPort": 443, "ocspResponderURL": "", "externalAccountBindingRequired": False}}))
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(["ip", "netns", "exec", "visitor", "env", "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "pebble", "-config",
                                   str(folder / "config.json")], stdout=log, stderr=log)
    assert until(lambda: run("curl", "-sSk", "-o", "/dev/null", "-m", "1", "https://192.0.2.2:14000/dir", check=False).returncode == 0, 30), (folder / "log").read_text()
    yield "https://acme.example.net:14000/dir"
    server.kill()
    server.wait()


def shown(name="photos.example.net"):
    """The serial number of the certificate that nginx shows."""
    return run("bash", "-c", f"openssl s_client -connect 192.0.2.1:443 -servername {name} </dev/null 2>/dev/null | openssl x509 -noout -serial",
               check=False).stdout.strip()


def test_certbot_gets_a_certificate_and_a_renewal_is_served(public, pebble):
    public.document["certificates"]["mine"] = {"acme": {"server": pebble, "email": "admin@example.net"}}
    public.write()
    early = public.run("certificates")
    assert early.returncode == 1 and "'fabricnet apply' first" in early.stderr
    public.apply()
    got = public.run("certificates")
    assert got.returncode == 0 and got.stdout == "create /etc/letsencrypt/live/mine/fullchain.pem\n", got.stderr
    assert public.get() == 0
    public.apply()
    assert until(lambda: public.get() == 200)
    first = shown()
    assert first and public.run("certificates").stdout == "" and shown() == first
    # A further name: the certificate gets it, and nginx reads it at once.
    public.document["services"]["photos.example.net"]["also"] = ["more.example.net"]
    public.apply()
    assert public.run("certificates").stdout == "update /etc/letsencrypt/live/mine/fullchain.pem\n"
    assert until(lambda: shown("more.example.net") not in ("", first))
    second = shown()
    # What certbot.timer does when the time has come.
    run("certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew")
    assert until(lambda: shown() not in ("", first, second)) and public.plan() == []
    # A name that the authority cannot reach: its own reason, one line, and what is there stays.
    public.document["services"]["nowhere.example.net"] = {"at": "vps", "to": "server:8080", "certificate": "mine"}
    public.apply()
    third, failed = shown(), public.run("certificates")
    assert failed.returncode == 1 and "nowhere.example.net" in failed.stderr and len(failed.stderr.splitlines()) == 1 and shown() == third


def test_an_authority_of_ones_own_makes_certificates_for_inside_names(public):
    run("bash", "-ec", "cd /etc/ssl && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout own.key -out own.pem -days 9 -subj /CN=own")
    (public.folder / "own.key").write_text(pathlib.Path("/etc/ssl/own.key").read_text())
    (public.folder / "own.key").chmod(0o600)
    public.document["certificates"]["mine"] = {"authority": {"certificate": "/etc/ssl/own.pem", "key": {"file": "own.key"}}}
    public.apply()
    assert public.get() == 0 and public.get(tls=False) == 503
    folder = pathlib.Path("/var/lib/fabricnet/certificates/mine")
    assert public.run("certificates").stdout == f"create {folder}/fullchain.pem\n"
    assert (folder / "privkey.pem").stat().st_mode & 0o777 == 0o600 and sorted(path.name for path in folder.iterdir()) == ["fullchain.pem", "privkey.pem"]
    public.apply()
    assert until(lambda: public.get(words=["--cacert", "/etc/ssl/own.pem"]) == 200)
    run("openssl", "verify", "-CAfile", "/etc/ssl/own.pem", folder / "fullchain.pem")
    assert public.run("certificates").stdout == "" and re.search("(89|90) days", public.facts()["services", "certificate mine"]["text"])
    first = shown()
    public.document["services"]["photos.example.net"]["also"] = ["more.example.net"]
    public.apply()
    assert public.run("certificates").stdout == f"update {folder}/fullchain.pem\n" and until(lambda: shown() not in ("", first))
    assert "fabricnet_certificate_not_after_seconds{host=\"vps\",name=\"mine\"} " in public.run("status", "--openmetrics").stdout


@pytest.fixture
def guards(public):
    """The ban engine and fail2ban, as their units start them; called once their files are there."""
    started = []
    environment = {**os.environ, "PATH": f"{pathlib.Path(COMMAND).parent}:{os.environ['PATH']}"}

    def start():
        started.append(subprocess.Popen([COMMAND, "ban", "serve", "/etc/fabricnet/ban.json"], stderr=subprocess.DEVNULL))
        assert until(lambda: run(COMMAND, "ban", "status", check=False).returncode == 0)
        pathlib.Path("/run/fail2ban").mkdir(exist_ok=True)
        started.append(subprocess.Popen(["fail2ban-server", "-f", "start"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        assert until(lambda: run("fail2ban-client", "ping", check=False).returncode == 0, 60)

    yield start
    for process in reversed(started):
        process.terminate()
        process.wait(30)
    run("nft", "flush", "ruleset")


def test_who_guesses_at_sshd_is_banned(public, guards):
    """A real sshd; its words go where a syslog daemon would put them."""
    log = pathlib.Path("/var/log/auth.log")
    log.touch()
    folder = public.folder
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host")
    (folder / "sshd").write_text(f"Port 2222\nListenAddress 192.0.2.1\nHostKey {folder}/host\nUsePAM no\nPidFile none\nPasswordAuthentication no\n")
    pathlib.Path("/run/sshd").mkdir(exist_ok=True)
    sshd = subprocess.Popen(["bash", "-c", f"/usr/sbin/sshd -D -e -f {folder}/sshd 2>&1 | while IFS= read -r line; do"
                             f" echo \"$(date '+%b %e %H:%M:%S') vps sshd[7]: $line\" >> {log}; done"], start_new_session=True)
    public.document["edge"] = {"vps": {"bans": {}, "fail2ban": {"jails": ["sshd"], "retries": 3}}}
    public.apply()
    assert "backend" not in FAIL2BAN.read_text()  # there is a log to read
    guards()
    guess = lambda: run("ip", "netns", "exec", "visitor", "timeout", "4", "ssh", "-p", "2222", "-o", "BatchMode=yes", "-o", "ConnectTimeout=2", "-o", "StrictHostKeyChecking=no",
                        "-o", "UserKnownHostsFile=/dev/null", "nobody-here@192.0.2.1", check=False)
    assert until(lambda: "Permission denied" in guess().stderr)
    for _ in range(3):
        guess()
    assert until(lambda: "192.0.2.2" in elements("ban-ipv4"), 60), log.read_text()
    assert "Permission denied" not in guess().stderr
    run("fail2ban-client", "set", "sshd", "unbanip", "192.0.2.2")
    assert until(lambda: "Permission denied" in guess().stderr)
    os.killpg(sshd.pid, signal.SIGTERM)
    sshd.wait(30)


def test_a_change_that_was_killed_is_put_back(public):
    public.apply()
    before = {path: path.read_bytes() for path in SERVICES.iterdir()}
    # nginx that hangs when it is told to reload: the files are there, the change is not over.
    pathlib.Path("/etc/hang").mkdir()
    pathlib.Path("/etc/hang/nginx").write_text("#!/bin/sh\n[ \"$1\" != -s ] || [ -e /run/go ] || sleep 300\nexec /usr/sbin/nginx \"$@\"\n")
    pathlib.Path("/etc/hang/nginx").chmod(0o755)
    run("mount", "--bind", "/etc/hang", "/usr/local/sbin")
    try:
        public.document["services"]["photos.example.net"]["websocket"] = False
        public.write()
        killed = subprocess.Popen([COMMAND, "apply", "-f", public.folder / "fabric.json", "--host", "vps", "--state", public.folder / "state"])
        assert until(lambda: {path: path.read_bytes() for path in SERVICES.iterdir()} != before)
        assert killed.poll() is None
        killed.kill()
        killed.wait()
        pathlib.Path("/run/go").touch()
        assert public.run("recover").returncode == 0
    finally:
        run("umount", "/usr/local/sbin")
    assert {path: path.read_bytes() for path in SERVICES.iterdir()} == before
    assert until(lambda: public.get() == 200)
