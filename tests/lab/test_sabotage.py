# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each proof fails when its cause is taken away, and holds again after the repair: for what is ours, fabricnet apply."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from fabricnet.lab import mesh, monitoring, public, remote, resolvers, web
from fabricnet.lab.proofs import ROWS
from fabricnet.lab.rehearsal import Rehearsal
from fabricnet.lab.secrets import ssh_key
from fabricnet.lab.verify import prove

Act = Callable[[Rehearsal], object]
ROW = {row.code: row for row in ROWS}
COMMON = "/etc/nginx/conf.d/fabricnet-0-common.conf"
JAILS = "/etc/fail2ban/jail.d/fabricnet.conf"


@dataclass
class Sabotage:
    """What is done against a row, and what undoes it."""

    row: str
    what: str
    act: Act
    repair: Act


def on(host: str, *argv: str) -> Act:
    """Run a command on a host."""
    return lambda lab: lab[host].check(*argv)


def apply(*hosts: str) -> Act:
    """Repair with our own command."""
    return lambda lab: [lab.commands.apply(host) for host in hosts]


def peer(lab: Rehearsal, name: str) -> str:
    return str(lab.topology.wireguard["s2s"]["members"][name]["public_key"])


def node_id(lab: Rehearsal, name: str) -> str:
    nodes = json.loads(lab["vps"].check("headscale", "nodes", "list", "-o", "json"))
    return next(str(node["id"]) for node in nodes if node["name"] == name)


def unapprove(*names: str) -> Act:
    return lambda lab: [lab["vps"].check("headscale", "nodes", "approve-routes", "-i", node_id(lab, name), "-r", "") for name in names]


def narrow_allowed_ips(lab: Rehearsal) -> None:
    lab["vps"].check("wg", "set", "wg0", "peer", peer(lab, "pfsense"), "allowed-ips", "172.26.5.1/32")


def other_policy(lab: Rehearsal) -> None:
    lab["vps"].write("/tmp/other.hujson", '{"acls": [{"action": "accept", "src": ["home@"], "dst": ["*:80"]}]}')
    lab["vps"].check("headscale", "policy", "set", "-f", "/tmp/other.hujson")


def declare_address(address: str) -> Act:
    def act(lab: Rehearsal) -> None:
        lab.topology.document["mesh"]["nodes"]["pfsense"]["address"] = address

    return act


def refuse_mesh(lab: Rehearsal) -> None:
    path = lab["pfsense"].root / "etc/unbound/unbound.conf"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "100.64.0.0/10" not in line))
    lab["pfsense"].stop("unbound")
    resolvers.start_unbound(lab["pfsense"])


def restore_resolver(lab: Rehearsal) -> None:
    lab["pfsense"].stop("unbound")
    lab["pfsense"].write("/etc/unbound/unbound.conf", resolvers.router_configuration(lab.topology, "pfsense"))
    resolvers.start_unbound(lab["pfsense"])


def edit(host: str, path: str, old: str, new: str, *then: str) -> Act:
    """Change a file that apply has written, and tell its program."""

    def act(lab: Rehearsal) -> None:
        at = lab[host].root / path.lstrip("/")
        assert old in at.read_text()
        at.write_text(at.read_text().replace(old, new))
        if then:
            lab[host].check(*then)

    return act


def restart_nginx(lab: Rehearsal) -> None:
    web.start_nginx(lab["vps"])


def restart_engine(lab: Rehearsal) -> None:
    public.start_engine(lab["vps"])


def refuse_token(lab: Rehearsal) -> None:
    public.restart_api(lab.topology, lab.hosts, "another")


def take_token(lab: Rehearsal) -> None:
    public.restart_api(lab.topology, lab.hosts)
    lab["vps"].stop("engine")
    restart_engine(lab)


def forget_hook(lab: Rehearsal) -> None:
    lab["vps"].check("rm", "/etc/letsencrypt/renewal-hooks/deploy/fabricnet")


def believe_everybody(lab: Rehearsal) -> None:
    edit("vps", COMMON, "real_ip_header", "set_real_ip_from 0.0.0.0/0;\nreal_ip_header", "nginx", "-s", "reload")(lab)


def restart_headscale(lab: Rehearsal) -> None:
    mesh.restart_headscale(lab.topology, lab.hosts)


def restart_sshd(lab: Rehearsal) -> None:
    lab["pfsense"].stop("sshd")
    remote.start_sshd(lab["pfsense"])


def free_reader(lab: Rehearsal) -> None:
    path = lab["pfsense"].root / "etc/ssh/lab_keys"
    path.write_text(path.read_text().replace("rrsync -ro", "rrsync"))


def bind_reader(lab: Rehearsal) -> None:
    path = lab["pfsense"].root / "etc/ssh/lab_keys"
    path.write_text(path.read_text().replace("rrsync", "rrsync -ro"))
    lab["pfsense"].check("rm", "-f", "/conf/fabricnet-was-here")


def shut_managers_out(lab: Rehearsal) -> None:
    path = lab["pfsense"].root / "etc/ssh/lab_keys"
    path.write_text(path.read_text().replace("\nssh-ed25519", "\n#ssh-ed25519"))


def let_managers_in(lab: Rehearsal) -> None:
    path = lab["pfsense"].root / "etc/ssh/lab_keys"
    path.write_text(path.read_text().replace("\n#ssh-ed25519", "\nssh-ed25519"))


def other_host_key(lab: Rehearsal) -> None:
    lab["pfsense"].check("cp", "/etc/fabricnet/secrets/ssh-pfsense", "/root/ssh-pfsense")
    lab["pfsense"].write("/etc/fabricnet/secrets/ssh-pfsense", ssh_key()[0] + "\n", 0o600)
    restart_sshd(lab)


def own_host_key(lab: Rehearsal) -> None:
    lab["pfsense"].check("mv", "/root/ssh-pfsense", "/etc/fabricnet/secrets/ssh-pfsense")
    restart_sshd(lab)


def restart_exporter(lab: Rehearsal) -> None:
    monitoring.start_exporter(lab["vps"], lab.layer1)


def speak_for_another(lab: Rehearsal) -> None:
    path = lab["pfsense"].root / "etc/ssh/lab_keys"
    path.write_text(path.read_text().replace("--host pfsense", "--host pfsense | sed s/pfsense/nas/"))


def speak_for_itself(lab: Rehearsal) -> None:
    path = lab["pfsense"].root / "etc/ssh/lab_keys"
    path.write_text(path.read_text().replace(" | sed s/pfsense/nas/", ""))


def keep_busy(lab: Rehearsal) -> None:
    lab["vps"].start("busy", "fabricnet", "-f", "/etc/fabricnet/fabric.json", "--host", "vps", "--local-only", "--interval", "0.01", "status")


def leak(lab: Rehearsal) -> None:
    secret = (lab["phone"].root / "etc/fabricnet/secrets/s2s-phone.psk").read_text().strip()
    lab["phone"].start("leak", "bash", "-c", "sleep 300; true", "--key", secret)


SABOTAGES = [
    Sabotage("F1", "the tunnel's allowed IPs lack the home", narrow_allowed_ips, apply("vps")),
    Sabotage("F1", "the tunnel's device is down", on("vps", "ip", "link", "set", "wg0", "down"), apply("vps")),
    Sabotage(
        "F1", "the route to the storage network is gone", on("vps", "ip", "route", "del", "192.168.20.0/24", "dev", "wg0"), apply("vps")
    ),
    Sabotage("F2", "the router has no masquerade table", on("pfsense", "nft", "delete", "table", "inet", "fabricnet"), apply("pfsense")),
    Sabotage("F3", "the hub has no masquerade table", on("vps", "nft", "delete", "table", "inet", "fabricnet"), apply("vps")),
    Sabotage("F3", "the hub does not forward", on("vps", "sysctl", "-w", "net.ipv4.ip_forward=0"), apply("vps")),
    Sabotage("F4", "another policy is in force", other_policy, apply("vps")),
    Sabotage("F4", "Headscale does not run", lambda lab: lab["vps"].stop("headscale"), restart_headscale),
    Sabotage("F5", "a node is down", on("workstation", "tailscale", "down"), apply("workstation")),
    Sabotage("F6", "another address is declared", declare_address("100.64.0.9"), declare_address("100.64.0.7")),
    Sabotage("F7", "no subnet route is approved", unapprove("nas", "lxc"), apply("vps")),
    Sabotage("F7", "the second router's routes are not approved", unapprove("lxc"), apply("vps")),
    Sabotage("F8", "the router's resolver does not run", lambda lab: lab["pfsense"].stop("unbound"), restore_resolver),
    Sabotage("F8", "the router's resolver refuses the mesh", refuse_mesh, restore_resolver),
    Sabotage("F9", "nginx does not run", lambda lab: lab["vps"].stop("nginx"), restart_nginx),
    Sabotage("F9", "nginx answers unknown names", edit("vps", COMMON, "return 444;", "return 200;", "nginx", "-s", "reload"), apply("vps")),
    Sabotage("F9", "somebody else has written a page", on("vps", "sh", "-c", "echo '# mine' > /etc/nginx/conf.d/mine.conf"), on("vps", "rm", "/etc/nginx/conf.d/mine.conf")),
    Sabotage("F9", "the way through the tunnel is gone", on("vps", "ip", "route", "del", "192.168.20.0/24", "dev", "wg0"), apply("vps")),
    Sabotage("F10", "nobody tells nginx of a renewal", forget_hook, apply("vps")),
    Sabotage("F11", "the ban engine does not run", lambda lab: lab["vps"].stop("engine"), restart_engine),
    Sabotage("F11", "everybody is believed who he says he is", believe_everybody, apply("vps")),
    Sabotage("F11", "the jail knows another log", edit("vps", JAILS, "fabricnet.log", "access.log", "fail2ban-client", "reload"), apply("vps")),
    Sabotage("F11", "the CDN's API refuses the token", refuse_token, take_token),
    Sabotage("F12", "the tunnel's MTU is 1500", on("vps", "ip", "link", "set", "wg0", "mtu", "1500"), apply("vps")),
    Sabotage("F12", "the router clamps no MSS", on("pfsense", "nft", "delete", "table", "inet", "fabricnet"), apply("pfsense")),
    Sabotage("F12", "mesh packets are not kept out of the tunnel", on("vps", "nft", "delete", "table", "inet", "fabricnet"), apply("vps")),
    Sabotage(
        "F13",
        "the reverse-path filter is strict",
        on("vps", "sysctl", "-w", "net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.wg0.rp_filter=1"),
        apply("vps"),
    ),
    Sabotage("F14", "a secret stands in a command line", leak, lambda lab: lab["phone"].stop("leak")),
    Sabotage("F15", "the router lets nobody manage it", shut_managers_out, let_managers_in),
    Sabotage("F15", "the router has no fabricnet", on("pfsense", "mv", "/usr/local/bin/fabricnet", "/root/"), on("pfsense", "mv", "/root/fabricnet", "/usr/local/bin/")),
    Sabotage("F17", "the router's sshd does not run", lambda lab: lab["pfsense"].stop("sshd"), restart_sshd),
    Sabotage("F17", "the key that reads may write, too", free_reader, bind_reader),
    Sabotage("F17", "another machine answers for the router", other_host_key, own_host_key),
    Sabotage("F18", "the router minds nobody", on("pfsense", "nft", "flush", "chain", "inet", "fabricnet", "forward"), apply("pfsense")),
    Sabotage("F18", "everybody is let in", on("pfsense", *"nft insert rule inet fabricnet forward accept".split()), apply("pfsense")),
    Sabotage("F18", "who may come in is not", on("pfsense", *"nft insert rule inet fabricnet forward ip daddr 192.168.20.0/24 drop".split()), apply("pfsense")),
    Sabotage("F16", "the exporter does not run", lambda lab: lab["vps"].stop("metrics"), restart_exporter),
    Sabotage("F16", "the router's sshd does not run", lambda lab: lab["pfsense"].stop("sshd"), restart_sshd),
    Sabotage("F16", "the router speaks for another host", speak_for_another, speak_for_itself),
    Sabotage("F20", "something of ours is always busy", keep_busy, lambda lab: lab["vps"].stop("busy")),
    Sabotage("F21", "the tunnel is slow", on("vps", "ip", "link", "set", "wg0", "mtu", "576"), apply("vps")),
    Sabotage("F19", "a host has drifted", on("vps", "ip", "route", "del", "192.168.20.0/24", "dev", "wg0"), apply("vps")),
]


def further(sabotage: Sabotage) -> bool:
    """Whether another cause of the same row comes before."""
    return any(other.row == sabotage.row for other in SABOTAGES[: SABOTAGES.index(sabotage)])


@pytest.mark.parametrize(
    "sabotage", [pytest.param(s, id=f"{s.row} {s.what}", marks=[pytest.mark.further] if further(s) else []) for s in SABOTAGES]
)
def test_a_row_fails_while_its_cause_is_gone(lab: Rehearsal, sabotage: Sabotage) -> None:
    sabotage.act(lab)
    try:
        verdict, why, _ = prove(lab, ROW[sabotage.row], patience=0.3)
        assert verdict == "FAIL", f"{sabotage.row} holds although {sabotage.what}: {why}"
    finally:
        sabotage.repair(lab)
    verdict, why, _ = prove(lab, ROW[sabotage.row])
    assert verdict == "PASS", f"{sabotage.row} does not hold after the repair: {why}"
