# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is rendered for others, read by the others: wg-quick, nft, headscale, Nix."""
import json
import os
import pathlib
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
COMMAND = os.environ.get("FBN_COMMAND", str(TOP / "build/examples/fabricnet/fabricnet"))
HOMELAB = TOP / "examples/homelab/fabric.json"
SEGMENTS = TOP / "examples/segments/fabric.json"
EVALUATE = TOP / "tests/data/fabric/nixos.nix"
BIN = pathlib.Path(os.environ.get("FBN_CACHE", pathlib.Path.home() / ".cache/fabricnet-tests")) / "bin"


def run(*words, **options):
    return subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=120, **options)


def render(host, *words, file=HOMELAB, secrets="/etc/fabricnet"):
    done = run(COMMAND, "-f", file, "--host", host, "--secrets-dir", secrets, "render", *words)
    assert done.returncode == 0, done.stderr
    assert "no secret" in done.stdout.splitlines()[0]
    return done.stdout


def evaluate(tmp_path, module, *more):
    path = tmp_path / "host.nix"
    path.write_text(module)
    environment = {**os.environ, "NIX_STORE_DIR": str(tmp_path / "store"), "NIX_STATE_DIR": str(tmp_path / "state"), "NIX_LOG_DIR": str(tmp_path / "log"), "HOME": str(tmp_path)}
    return run("nix-instantiate", "--eval", "--strict", "--json", EVALUATE, "--arg", "modules", f"[ {path} {' '.join(more)} ]", env=environment)


def test_wg_quick_takes_its_file(tmp_path):
    path = tmp_path / "wg0.conf"
    path.write_text(render("vps", "wg-quick"))
    path.chmod(0o600)
    stripped = run("wg-quick", "strip", path)
    assert stripped.returncode == 0 and stripped.stderr == ""
    assert "AllowedIPs = 172.26.5.1/32, 192.168.8.0/24, 192.168.20.0/24" in stripped.stdout and "ListenPort = 51820" in stripped.stdout
    assert "PostUp = wg set %i private-key '/etc/fabricnet/secrets/vps.key'" in path.read_text()
    assert "[Peer]" in render("phone", "wg-quick") and "AllowedIPs = 0.0.0.0/0" in render("phone", "wg-quick")


def test_networkd_files_name_keys_and_routes():
    netdev, network = render("phone", "netdev"), render("phone", "network", "s2s")
    assert "PrivateKeyFile = /etc/fabricnet/secrets/phone.key" in netdev and "FirewallMark = 25100" in netdev
    assert "Destination = 0.0.0.0/0\nTable = 25100" in network and "SuppressPrefixLength = 0" in network


def test_headscale_takes_its_configuration(tmp_path):
    headscale = BIN / "headscale"
    if not headscale.exists():
        pytest.skip("tests/go/build was not run")
    text = render("vps", "headscale").replace("/var/lib/headscale", str(tmp_path))
    path = tmp_path / "config.yaml"
    path.write_text(text)
    done = run(headscale, "-c", path, "configtest", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(text.split("\n", 1)[1])["dns"]["nameservers"]["split"] == {"local.akunito.com": ["100.64.0.7"]}


@pytest.mark.parametrize("host", ["vps", "pfsense", "nas", "phone"])
def test_nix_evaluates_the_module_and_it_says_the_same(tmp_path, host):
    done = evaluate(tmp_path, render(host, "nixos"))
    assert done.returncode == 0, done.stderr
    configuration = json.loads(done.stdout)
    declared = json.loads(HOMELAB.read_text())
    member = declared["wireguard"]["s2s"]["members"].get(host)
    for device, interface in configuration.get("networking", {}).get("wireguard", {}).get("interfaces", {}).items():
        assert interface["mtu"] == 1280 and interface["ips"] == [f"{member['address']}/24"]
        assert interface["privateKeyFile"] == f"/etc/fabricnet/{member['private_key']['file']}" and device == member["interface"]
    assert configuration["boot"]["kernel"]["sysctl"]["net.ipv4.conf.all.rp_filter"] == 2
    assert configuration["networking"]["firewall"]["checkReversePath"] == "loose"
    if host == "vps":
        assert configuration["services"]["headscale"]["settings"]["prefixes"]["v4"] == "100.64.0.0/10"
        hosts = configuration["services"]["nginx"]["virtualHosts"]
        assert hosts["nas.akunito.com"]["locations"]["/"] == {"proxyPass": "http://192.168.20.10:8080", "proxyWebsockets": True}
        assert hosts["nas.akunito.com"]["forceSSL"] and hosts["nas.akunito.com"]["enableACME"]
        assert "client_max_body_size 1073741824;" in hosts["nas.akunito.com"]["extraConfig"]
        assert "Strict-Transport-Security max-age=15552000" in hosts["media.akunito.com"]["extraConfig"]
        assert configuration["security"]["acme"] == {"acceptTerms": True, "defaults": {"email": "admin@akunito.com"}}


def test_what_nixos_is_not_told_of_services_is_said(tmp_path):
    text = render("vps", "nixos")
    assert '# "cdn" is not rendered' in text and '# "edge" is not rendered' in text
    document = json.loads(HOMELAB.read_text())
    document["certificates"] = {"akunito": {"files": {"certificate": "/a.pem", "key": "/a.key"}}}
    document["services"]["nas.akunito.com"] |= {"also": ["b.akunito.com", "c.akunito.com"], "upstream_tls": True, "allow": ["lan"], "timeout": "90s"}
    path = tmp_path / "fabric.json"
    path.write_text(json.dumps(document))
    done = evaluate(tmp_path, render("vps", "nixos", file=path))
    assert done.returncode == 0, done.stderr
    host = json.loads(done.stdout)["services"]["nginx"]["virtualHosts"]["nas.akunito.com"]
    assert host["serverAliases"] == ["b.akunito.com", "c.akunito.com"] and host["sslCertificate"] == "/a.pem" and "enableACME" not in host
    assert "allow 192.168.8.0/24; deny all;" in host["extraConfig"] and host["locations"]["/"]["proxyPass"] == "https://192.168.20.10:8080"
    assert host["locations"]["/"]["extraConfig"] == "proxy_read_timeout 90000ms; proxy_send_timeout 90000ms;"


def test_vlans_are_rendered_for_networkd_and_nixos(tmp_path):
    netdev, network = render("router", "netdev", "eth1.20", file=SEGMENTS), render("router", "network", "eth1.20", file=SEGMENTS)
    assert "Name = eth1.20\nKind = vlan\nMTUBytes = 1400\n\n[VLAN]\nId = 20\n" in netdev and "Name = eth1, [Network] VLAN = eth1.20" in netdev
    assert "Address = 192.168.20.1/24" in network and "Destination = 192.168.40.0/24\nGateway = 192.168.20.10" in network
    done = evaluate(tmp_path, render("router", "nixos", file=SEGMENTS))
    assert done.returncode == 0, done.stderr
    networking = json.loads(done.stdout)["networking"]
    assert networking["vlans"] == {"eth1.20": {"id": 20, "interface": "eth1"}, "eth1.30": {"id": 30, "interface": "eth1"}}
    assert networking["interfaces"]["eth1.20"]["ipv4"]["addresses"] == [{"address": "192.168.20.1", "prefixLength": 24}]
    assert networking["interfaces"]["eth1.20"]["mtu"] == 1400
    assert "eth1.40" in run(COMMAND, "-f", SEGMENTS, "--host", "router", "render", "netdev", "eth1.40").stderr


def test_nix_refuses_a_bad_mtu_and_a_bad_prefix(tmp_path):
    module = render("vps", "nixos")
    assert json.loads(evaluate(tmp_path, module, "{ config.fabricnet.wg0.mtu = 1400; }").stdout)["networking"]["wireguard"]["interfaces"]["wg0"]["mtu"] == 1400
    for slip, named in [("mtu = 100;", "fabricnet.wg0.mtu"), ('mtu = "1280";', "fabricnet.wg0.mtu"), ('address = "172.26.5.155/33";', "fabricnet.wg0.address"),
                        ('address = "172.26.5.256/24";', "fabricnet.wg0.address"), ('address = "172.26.5.155";', "fabricnet.wg0.address"), ("mtuu = 1280;", "fabricnet.wg0.mtuu")]:
        refused = evaluate(tmp_path, module, f"{{ config.fabricnet.wg0.{slip} }}")
        assert refused.returncode != 0 and named in refused.stderr, slip


def test_nft_takes_the_table_of_the_module(tmp_path):
    document = json.loads(HOMELAB.read_text())
    document["nat"]["vps"] += [{"forward": "192.168.20.10:8443/tcp", "port": 443, "hairpin": True, "in": {"interface": "eth0"}}, {"accept": ["wg"], "to": ["lan"]}, {"drop": ["wg"]}]
    document["name"] = "quoted"
    path = tmp_path / "fabric.json"
    path.write_text(json.dumps(document))
    configuration = json.loads(evaluate(tmp_path, render("vps", "nixos", file=path)).stdout)
    table = configuration["networking"]["nftables"]["tables"]["fabricnet"]
    text = f"table {table['family']} fabricnet {{\n{table['content']}\n}}\n"
    done = run("unshare", "-n", "nft", "-c", "-f", "-", input=text)
    assert done.returncode == 0, done.stderr + text
    assert "dnat ip to 192.168.20.10:8443" in text and "ct state invalid,new drop" in text


def test_what_cannot_be_rendered_is_said():
    assert "'tofu' is no format" in run(COMMAND, "-f", HOMELAB, "--host", "vps", "render", "tofu").stderr
    assert "in no tunnel" in run(COMMAND, "-f", HOMELAB, "--host", "nas", "render", "wg-quick").stderr
    assert "not the one of /mesh/headscale" in run(COMMAND, "-f", HOMELAB, "--host", "nas", "render", "headscale").stderr
    assert run(COMMAND, "-f", HOMELAB, "--host", "vps", "render").returncode == 3
