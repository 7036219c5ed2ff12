# SPDX-License-Identifier: LGPL-2.1-or-later
"""Odd files: what wg-quick(8) and wg(8) make of them, and what we do. Both take a file for the same, or both refuse it; where we differ
on purpose, DIFFERENCES says why. Every file that we take is written back without loss."""

import base64
import ipaddress
import pathlib
import random
import re
import shutil
import subprocess

import pytest

import fabricnet
from fabricnet import wireguard

CORPUS = sorted((pathlib.Path(__file__).parents[1] / "data/wireguard").glob("*.conf"))
NAME = "vpn.example.org"  # the only one that there is, as 192.0.2.9

# name: (what we do, why). "takes" what they refuse, "refuses" what they take, or reads it "otherwise".
DIFFERENCES = {
    "allowed-moved": ("otherwise", "the prefix stays with both peers, for apply to say that only one can own it; wg gives it to the last silently"),
    "endpoint-aton": ("refuses", "127.1 is a mistyped address more often than a way to write 127.0.0.1"),
    "address-short": ("refuses", "10.1/16 is 10.1.0.0/16 to ip(8) alone, and more often a mistyped address"),
    "endpoint-zero": ("refuses", "nothing can be sent to port 0"),
    "endpoint-big": ("refuses", "getaddrinfo() takes port 65537 for port 1"),
    "port-big": ("refuses", "getaddrinfo() takes port 65536 for port 0, which is any"),
    "key-zero": ("refuses", "a file that says PrivateKey and means none is a mistake"),
    "key-pubzero": ("refuses", "nobody has this key; the kernel and the daemons ignore such a peer silently"),
    "peer-twice": ("refuses", "wg keeps only what the second section says"),
    "zero-byte": ("refuses", "wg stops reading the line there; it is no text"),
    "section-blanks": ("takes", "wg takes blanks within a section's name, only wg-quick does not see its own keys there"),
    "hook-blank": ("takes", "blanks within a key are nothing to wg; ours to all keys"),
    "mtu-blanks": ("takes", "blanks within a number are nothing to wg; ours to all numbers"),
    "unknown-key": ("takes", "keys of other programs are kept and written back"),
    "unknown-apps": ("takes", "keys of other programs are kept and written back"),
}


def run(*words, **options):
    return subprocess.run(words, capture_output=True, **options)


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    """An interface of wireguard-go in the sandbox's own namespace, where one name resolves."""
    hosts = tmp_path_factory.mktemp("etc") / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n192.0.2.9 {NAME} {NAME}.\n")
    run("mount", "--bind", hosts, "/etc/hosts", check=True)
    run("wireguard-go", "corpus0", check=True)
    run("ip", "link", "set", "lo", "up", check=True)
    yield "corpus0"
    run("ip", "link", "delete", "corpus0", check=True)
    run("umount", "/etc/hosts", check=True)


def normal(prefix):
    try:
        return ipaddress.ip_interface(str(prefix))
    except ValueError:
        return prefix  # a form that only ip(8) knows


# wg-quick's own reader, taken out of the installed script, and what it read.
READER = r"""
shopt -s extglob; export LC_ALL=C
die() { echo "$*" >&2; exit 1; }
eval "$(sed -n '/^read_bool()/,/^}/p; /^parse_options()/,/^}/p' "$(command -v wg-quick)")"
parse_options "$1" 2>/dev/null || exit 1
show() { local name=$1; shift; printf '%s=%s\0' "$name" "$@"; }
for word in "${ADDRESSES[@]}"; do show address "$word"; done
for word in "${DNS[@]}"; do show resolver "$word"; done
for word in "${DNS_SEARCH[@]}"; do show domain "$word"; done
show mtu "$MTU"; show table "$TABLE"
for word in "${PRE_UP[@]}"; do show PreUp "$word"; done
for word in "${POST_UP[@]}"; do show PostUp "$word"; done
for word in "${PRE_DOWN[@]}"; do show PreDown "$word"; done
for word in "${POST_DOWN[@]}"; do show PostDown "$word"; done
"""


def theirs(path, device):
    """What wg-quick and wg read from a file; None if they refuse it, also where "wg-quick up" would only fail at ip(8)."""
    stripped = run("wg-quick", "strip", path)
    if stripped.returncode or run("wg", "setconf", device, "/dev/stdin", input=stripped.stdout,
                                  env={"WG_ENDPOINT_RESOLUTION_RETRIES": "0", "PATH": "/usr/bin:/bin"}).returncode:
        return None
    words = [word.split("=", 1) for word in run("bash", "-c", READER, "reader", path, check=True).stdout.decode("utf-8", "replace").split("\0")[:-1]]
    read = lambda name: [value for key, value in words if key == name]
    run("ip", "address", "flush", "dev", device, check=True)
    run("ip", "link", "set", device, "mtu", "1420", check=True)
    if any(run("ip", "address", "add", address, "dev", device).returncode for address in read("address")):
        return None
    if read("mtu")[0] and run("ip", "link", "set", device, "mtu", read("mtu")[0]).returncode:
        return None
    interface, *peers = [line.split("\t") for line in run("wg", "show", device, "dump", check=True).stdout.decode().splitlines()]
    return {
        "private_key": interface[0], "port": int(interface[2]), "fwmark": 0 if interface[3] == "off" else int(interface[3], 16),
        "addresses": [normal(address) for address in read("address")],
        "dns": sorted(read("resolver") + read("domain")), "mtu": int(read("mtu")[0] or 0), "table": read("table")[0],
        "hooks": sorted(f"{name} = {value}" for name, value in words if name.startswith(("Pre", "Post"))),
        "peers": {peer[0]: (peer[1], peer[2], frozenset(normal(prefix) for prefix in peer[3].split(",") if prefix != "(none)"), 0 if peer[7] == "off" else int(peer[7]))
                  for peer in peers},
    }


def base64_of(secret):
    return bytes(fabricnet.key.encode(secret)).decode() if secret else "(none)"


def clamped(secret):
    """As a device keeps a private key."""
    key = bytearray(bytes(secret)) if secret else None
    if not key:
        return "(none)"
    key[0] &= 248
    key[31] = key[31] & 127 | 64
    return base64.b64encode(key).decode()


def endpoint_of(peer):
    if peer.endpoint_name:
        return re.sub(rf"(?i)^{re.escape(NAME)}\.?:", "192.0.2.9:", peer.endpoint_name)
    return re.sub(r"%\d+\]", "]", str(peer.endpoint)) if peer.endpoint else "(none)"  # daemons drop the zone


def ours(path):
    """The same of our reading; None if we refuse the file, and then the message says where."""
    try:
        config = wireguard.parse_file(path)
    except fabricnet.InvalidError as error:
        assert re.match(rf"{re.escape(str(path))}:\d+:\d+: \S", str(error)), str(error)
        assert "\n" not in str(error)
        return None
    interface = config.interface
    return {
        "private_key": clamped(interface.private_key), "port": interface.listen_port, "fwmark": interface.fwmark,
        "addresses": list(map(normal, interface.addresses)), "dns": sorted(interface.dns), "mtu": interface.mtu, "table": interface.table or "",
        "hooks": sorted(interface.hooks),
        "peers": {peer.public_key: (base64_of(peer.preshared_key), endpoint_of(peer), frozenset(map(normal, peer.allowed_ips)), peer.keepalive)
                  for peer in config.peers},
    }


@pytest.mark.parametrize("name", [path.stem for path in CORPUS])
def test_a_file_is_read_as_wg_quick_and_wg_read_it(name, device, tmp_path):
    path = pathlib.Path(shutil.copy(next(file for file in CORPUS if file.stem == name), tmp_path))
    path.chmod(0o600)
    expected, read = theirs(path, device), ours(path)
    if read and expected and read["port"] == 0:
        expected["port"] = 0  # the daemon chose one
    if name not in DIFFERENCES:
        assert read == expected
    else:
        kind, reason = DIFFERENCES[name]
        assert kind == ("takes" if not expected else "refuses" if not read else "otherwise" if read != expected else None), reason


def test_the_list_of_differences_is_of_files():
    assert set(DIFFERENCES) <= {path.stem for path in CORPUS}


def comparable(config):
    """All but the layouts: those are for writing only."""
    def members(record):
        return {name: bytes(value) if isinstance(value, fabricnet.Secret) else value
                for name, value in ((name, getattr(record, name)) for name in record.__dataclass_fields__) if name != "layout"}
    return members(config.interface), [members(peer) for peer in config.peers]


def others(text):
    """What a file has besides keys that we know: comments and unknown keys, in order."""
    known = r"(PrivateKey|ListenPort|FwMark|Address|DNS|MTU|Table|PublicKey|PresharedKey|AllowedIPs|Endpoint|PersistentKeepalive|(Pre|Post)(Up|Down))"
    kept = []
    for line in text.decode("utf-8", "surrogateescape").splitlines():
        before, hash, comment = line.partition("#")
        squeezed = re.sub(r"\s", "", before)
        kept += [before.strip()] if squeezed and not re.match(known + "=", squeezed, re.I) and not squeezed.startswith("[") else []
        kept += [comment.strip()] if hash else []
    return kept


def assert_written_without_loss(text, name):
    config = wireguard.parse(text, name)
    written = bytes(wireguard.format(config)).decode("utf-8", "surrogateescape")
    again = wireguard.parse(written, name)
    assert comparable(again) == comparable(config)
    assert bytes(wireguard.format(again)).decode("utf-8", "surrogateescape") == written
    return written


def is_configuration(path):
    try:
        wireguard.parse(path.read_bytes().decode("utf-8", "surrogateescape"))
    except (fabricnet.InvalidError, ValueError):
        return False
    return True


@pytest.mark.parametrize("path", [path for path in CORPUS if is_configuration(path)], ids=lambda path: path.stem)
def test_what_is_read_is_written_without_loss(path):
    text = path.read_bytes()
    written = assert_written_without_loss(text.decode("utf-8", "surrogateescape"), path.name)
    assert others(written.encode("utf-8", "surrogateescape")) == others(text)


def random_file(dice):
    """Lines of random order, spelling, spacing and comments around values that are right."""
    def spelled(key, value):
        key = "".join(dice.choice((letter, letter.swapcase())) for letter in key) if dice.random() < 0.3 else key
        blank = lambda: dice.choice(("", " ", "\t", "  "))
        comment = dice.choice(("", "", " # note", "#", "# = [Peer]"))
        return f"{blank()}{key}{blank()}={blank()}{value}{blank()}{comment}"

    def key():
        return bytes(fabricnet.key.encode(fabricnet.key.generate())).decode()

    def prefixes(count):
        return ", ".join(f"10.{dice.randrange(256)}.{dice.randrange(256)}.0/24" for _ in range(count))

    def fill(lines):
        lines = lines + dice.choices(("", "# alone", "Unknown = value # kept", "## x"), k=dice.randrange(4))
        dice.shuffle(lines)
        return [line for line in lines if dice.random() < 0.8]

    text = dice.choices(("# head", ""), k=dice.randrange(3))
    for _ in range(dice.randrange(3)):
        text += ["[Interface]" + dice.choice(("", " # me"))]
        text += fill([spelled("PrivateKey", key()), spelled("ListenPort", dice.randrange(65536)), spelled("FwMark", hex(dice.randrange(2**32))),
                      spelled("Address", f"10.{dice.randrange(256)}.{dice.randrange(256)}.1/24"), spelled("DNS", "10.0.0.53, example.org"),
                      spelled("MTU", dice.randrange(1280, 1500)), spelled("Table", dice.choice(("off", "auto", "77"))), spelled("PostUp", "echo a = b"),
                      spelled("PreDown", "echo c"), spelled("SaveConfig", "true")])
    for _ in range(dice.randrange(4)):
        text += ["[Peer]" + dice.choice(("", " # you")), spelled("PublicKey", key())]
        text += fill([spelled("PresharedKey", key()), spelled("AllowedIPs", prefixes(3)), spelled("AllowedIPs", prefixes(1)),
                      spelled("Endpoint", dice.choice(("192.0.2.1:7", "[2001:db8::1]:7", f"{NAME}:7"))), spelled("PersistentKeepalive", dice.randrange(99))])
    return dice.choice(("\n", "\r\n")).join(text) + dice.choice(("", "\n"))


def test_random_files_are_written_without_loss():
    for seed in range(300):
        text = random_file(random.Random(seed))
        written = assert_written_without_loss(text, f"seed {seed}")
        assert others(written.encode()) == others(text.encode()), f"seed {seed}"


def test_a_file_of_ten_thousand_peers_is_written_and_read(tmp_path):
    keys = [fabricnet.key.public(fabricnet.key.generate()) for _ in range(200)]
    every = "".join(f"# member {i} has a longer name, so that its layout does not share a slot of 64 bytes\n[Peer]\n"
                    f"PublicKey = {int(i).to_bytes(4, 'big').hex()}{keys[i % 200][8:]}\nPresharedKey = {keys[i % 200]}\n"
                    f"AllowedIPs = 10.{i >> 16}.{i >> 8 & 255}.{i & 255}/32, fd00::{i:x}/128\nEndpoint = 192.0.2.1:{1 + i}\n\n" for i in range(10000))
    text = f"[Interface]\nPrivateKey = {bytes(fabricnet.key.encode(fabricnet.key.generate())).decode()}\n\n{every}"
    written = assert_written_without_loss(text, "large.conf")
    assert written.count("[Peer]") == 10000 and others(written.encode()) == others(text.encode())
    path = tmp_path / "large.conf"
    path.write_text(written)
    path.chmod(0o600)
    assert len(wireguard.parse_file(path).peers) == 10000
