# SPDX-License-Identifier: LGPL-2.1-or-later
import json
import pathlib

import pytest
from conftest import run

import fabricnet

HOMELAB = pathlib.Path(__file__).parents[2] / "examples" / "homelab" / "fabric.json"
TEXT = json.dumps(
    {
        "fabric": 1,
        "name": "small",
        "prefixes": {"lan": {"prefix": "192.168.8.0/24", "at": "router"}},
        "hosts": {"router": {"interfaces": {"v0": {"address": "192.168.8.1"}}, "forwarding": True}},
    }
)


@pytest.fixture
def small(c, veth):
    return fabricnet.fabric.parse(TEXT, context=c)


def test_the_homelab_loads_without_privilege_of_a_namespace():
    fabric = fabricnet.fabric.load(HOMELAB)
    assert fabric.name == "home" and fabric.hosts[:2] == ["vps", "pfsense"]
    assert not [finding for finding in fabric.check() if finding.severity == "error"]
    assert "<svg" in fabric.graph()[:400] and fabric.graph("dot").lstrip().startswith(("graph", "digraph", "//", "/*"))
    with pytest.raises(ValueError, match="'png': one of svg, dot"):
        fabric.graph("png")


def test_a_packet_is_followed_and_a_known_finding_allowed():
    path = fabricnet.fabric.load(HOMELAB).explain("laptop", "nas.local.akunito.com:8080/tcp")
    assert path.disposition == "ACCEPTED"
    assert [hop.step for hop in path.hops if hop.host == "laptop" and not hop.back] == ["dns", "dns", "route", "mesh"]
    assert path.hops[-1].host == "laptop" and path.hops[-1].back
    document = json.loads(HOMELAB.read_text())
    document["allow"] = [{"code": "prefix-in-local-range", "reason": "the pools are set"}]
    findings = fabricnet.fabric.parse(json.dumps(document)).check()
    assert [finding.allowed for finding in findings if finding.code == "prefix-in-local-range"] == ["the pools are set"]


def test_a_host_is_rendered_for_others():
    fabric = fabricnet.fabric.load(HOMELAB)
    config = fabricnet.wireguard.parse(fabric.render("pfsense", "wg-quick"), "tun_wg0.conf")
    assert [str(prefix) for peer in config.peers for prefix in peer.allowed_ips] == ["172.26.5.0/24"]
    assert "networking.wireguard" in fabric.render("vps", "nixos")
    with pytest.raises(fabricnet.NotFoundError, match="in no tunnel called other"):
        fabric.render("vps", "netdev", "other")


def test_what_is_monitored_is_rendered_and_collected_where_the_file_says():
    fabric = fabricnet.fabric.load(HOMELAB)
    assert "job_name: fabricnet-pfsense" in fabric.render("vps", "prometheus")
    assert "alert: FabricnetDrift" in fabric.render("vps", "alerts")
    with pytest.raises(fabricnet.InvalidError, match="'vps' collects, not 'nas'; run it there"):
        fabric.collect("nas", "pfsense")
    with pytest.raises(fabricnet.NotFoundError, match="host pfsense: /monitoring/hosts/pfsense/private_key"):
        fabric.collect("vps", "pfsense")


def test_status_tries_what_is_expected_and_has_metrics(c, veth):
    document = json.loads(TEXT) | {"expect": [{"from": "router", "to": "router/icmp", "is": "delivered"}]}
    status = fabricnet.fabric.parse(json.dumps(document), context=c).status("router", local_only=True, probe=True)
    assert [(fact.object, fact.health) for fact in status.facts if fact.domain == "expect"] == [("router/icmp", "down")]  # 192.168.8.1 is not there
    assert status.metrics.endswith("# EOF\n") and 'fabricnet_fact_healthy{host="router",domain="expect",object="router/icmp"} 0\n' in status.metrics


def test_a_file_of_what_is_there_plans_to_no_change(c, small, tmp_path):
    c.link.address_add(device="v0", address="192.168.8.1/24", protocol=4)  # the system's: a link without any is in no file
    small.apply("router")
    text = fabricnet.fabric.from_what_is("router", name="small", live=True, folder=str(tmp_path), context=c)
    assert fabricnet.fabric.parse(text, context=c).plan("router", local_only=True) == []
    with pytest.raises(fabricnet.InvalidError, match="expected the file of an interface"):
        fabricnet.fabric.from_what_is("router", files=["/a name that is too long.conf"])


def test_a_wrong_file_is_named_with_place(tmp_path):
    path = tmp_path / "fabric.json"
    path.write_text('{\n  "fabric": 1,\n  "name": "x",\n  "nme": 3\n}\n')
    with pytest.raises(fabricnet.InvalidError, match=rf"{path}:4:\d+: .*nme"):
        fabricnet.fabric.load(path)
    with pytest.raises(fabricnet.NotFoundError):
        fabricnet.fabric.load(tmp_path / "none.json")


def test_a_plan_is_taken_as_it_was_made_or_not_at_all(small, netns):
    plan = small.plan("router", management="10.9.0.7")
    assert len(plan.digest) == 64 and plan.digest == small.plan("router").digest
    assert "cuts-management-path" in [finding.code for finding in plan.findings]  # the address of the fixture goes
    run("ip", "netns", "exec", netns, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1")
    with pytest.raises(fabricnet.StaleError, match="another state or another file: now there are"):
        small.apply("router", plan_digest=plan.digest)
    again = small.plan("router")
    assert again.digest != plan.digest
    assert [step.object for step in small.apply("router", plan_digest=again.digest)] == [step.object for step in again]
    assert small.plan("router") == []


def test_plan_apply_and_status_agree(small, netns):
    steps = small.plan("router")
    # The address of the fixture is ours and not in the file.
    assert {(step.domain, step.kind) for step in steps} == {("sysctl", "update"), ("address", "delete")}
    assert all(step.reason for step in steps)
    told = []
    done = small.apply("router", progress=told.append)
    assert len(done) == len(told) == len(steps) and all(isinstance(step, str) for step in told)
    assert run("ip", "netns", "exec", netns, "cat", "/proc/sys/net/ipv4/ip_forward").strip() == "1"
    assert small.plan("router") == [] and small.apply("router") == []
    status = small.status("router")
    assert status.plan == [] and all(isinstance(fact, fabricnet.Fact) for fact in status.facts)


def test_what_progress_raises_ends_the_apply(small, c):
    def stop(step):
        raise LookupError(step)

    with pytest.raises(LookupError):
        small.apply("router", progress=stop)
    assert c.link.list()
    assert small.apply("router")


def test_options_are_checked(small):
    with pytest.raises(TypeError, match="fabric options has no member 'hots'"):
        small.plan("router", hots=3)
    with pytest.raises(fabricnet.Error, match="nobody"):
        small.plan("nobody")


def test_names_of_a_host_and_of_the_mesh():
    fabric = fabricnet.fabric.load(HOMELAB)
    routes = fabric.dns("vps")
    assert [str(server) for server in routes.match("nas.local.akunito.com").upstreams] == ["172.26.5.1:53"]
    assert routes.match("nas.mesh.akunito.com").suffix == "=nas.mesh.akunito.com"
    section = json.loads(fabric.headscale_dns())
    assert section["nameservers"]["split"] == {"local.akunito.com": ["100.64.0.7"]}
    with pytest.raises(fabricnet.InvalidError, match="no host 'nobody'"):
        fabric.dns("nobody")
    assert [route.suffix for route in fabric.dns("laptop", records=False).list()] == ["local.akunito.com"]
    with pytest.raises(fabricnet.NotFoundError, match='"resolver" says who is'):
        fabric.dns_keep("laptop")


def test_generations_are_kept_confirmed_and_gone_back_to(small, c, netns):
    forward = ("ip", "netns", "exec", netns, "cat", "/proc/sys/net/ipv4/ip_forward")
    assert small.apply("router", confirm_within=60)
    with pytest.raises(fabricnet.ConflictError, match="waits to be confirmed"):
        small.apply("router")
    fabricnet.fabric.confirm(context=c)
    with pytest.raises(fabricnet.NotFoundError, match="nothing waits to be confirmed"):
        fabricnet.fabric.confirm(context=c)
    assert run(*forward).strip() == "1"
    assert fabricnet.fabric.rollback(context=c) and run(*forward).strip() == "0"
    last, first = fabricnet.fabric.history(context=c)
    assert (last.verb, first.verb, last.outcome) == ("rollback", "apply", "confirmed")
    assert first.number == 1 and first.ended >= first.begun > 0 and any("ip_forward" in change for change in first.changes)
    assert fabricnet.fabric.rollback(1, context=c) and run(*forward).strip() == "1"
    assert fabricnet.fabric.recover(context=c) == []
    assert small.apply("router", confirm_within=60) == []
    with pytest.raises(fabricnet.NotFoundError, match="no generation 99"):
        fabricnet.fabric.rollback(99, context=c)


def test_what_is_rolled_back_cannot_be_confirmed(small, c):
    assert small.apply("router", confirm_within=60)
    assert fabricnet.fabric.rollback(context=c) == []
    with pytest.raises(fabricnet.UndoneError, match="too late"):
        fabricnet.fabric.confirm(context=c)


def test_certificates_are_of_services_that_this_host_has(tmp_path):
    path = tmp_path / "fabric.json"
    path.write_text(json.dumps({"fabric": 1, "name": "f", "prefixes": {}, "hosts": {"a": {}}}))
    with pytest.raises(fabricnet.NotFoundError, match="no service at 'a' has one that is to be got"):
        fabricnet.fabric.load(path).certificates("a")
    with pytest.raises(fabricnet.InvalidError, match="has no host 'b'"):
        fabricnet.fabric.load(path).certificates("b")
