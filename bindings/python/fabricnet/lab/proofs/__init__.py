# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rows of the reference network, each with the proof that it holds on a lab that is up."""

from .backup import prove_backup
from .bans import prove_bans
from .bulk import prove_bulk
from .care import prove_rebuild, prove_secrets
from .cost import prove_cost
from .mesh import prove_enrolment, prove_failover, prove_headscale, prove_router_address
from .metrics import prove_metrics
from .names import prove_split_dns
from .paths import prove_asymmetric, prove_full_size
from .prover import Absent, Failed, Prover, Row
from .router import prove_router
from .segments import prove_segments
from .services import prove_certificates, prove_services
from .tunnel import prove_outbound_nat, prove_road_warriors, prove_site_to_site

ROWS = (
    Row("F1", "site-to-site tunnel: handshakes, both ways to every announced network", prove_site_to_site, layer=1),
    Row("F2", "home traffic enters the tunnel with the router's own address", prove_outbound_nat, layer=1),
    Row("F3", "road warriors leave by the hub's address, beside Docker, UFW and NixOS", prove_road_warriors, layer=1),
    Row("F4", "Headscale is well over TLS; users, keys and policy as declared", prove_headscale),
    Row("F5", "every node is enrolled, online and running", prove_enrolment),
    Row("F6", "the router has its declared mesh address", prove_router_address),
    Row("F7", "subnet routers: routes approved and serving; when one dies the other takes over", prove_failover),
    Row("F8", "split DNS: the declared zone through the mesh, other names not", prove_split_dns),
    Row("F9", "services by name over TLS through the tunnel; unknown names refused", prove_services, layer=1),
    Row("F10", "certificates from an ACME authority are renewed, and served at once", prove_certificates, layer=1),
    Row("F11", "brute-forcing clients are banned, at the host and at the CDN", prove_bans, layer=1),
    Row("F12", "tunnel MTUs, full-size TCP through each layer, MSS clamped", prove_full_size, layer=1),
    Row("F13", "a flow in by one layer and out by the other lives, and dies with rp_filter 1", prove_asymmetric),
    Row("F14", "a locked secret file is named; no secret in plan, output, argv, logs", prove_secrets, layer=1),
    Row("F15", "the router is managed over ssh: a change arrives, drift is seen, a change that cuts off undoes itself", prove_router, layer=1),
    Row("F16", "metrics of the router's tunnel and mesh, scraped by Prometheus", prove_metrics, layer=1),
    Row("F17", "the router's configuration is backed up over ssh, by a key that only reads", prove_backup, layer=1),
    Row("F18", "the storage VLAN is reached only as policy allows", prove_segments, layer=1),
    Row("F19", "a second apply changes nothing on every host", prove_rebuild, layer=1),
    Row("F20", "cost on the small server: ≤16 MB resident, ≤0.1 % of a CPU idle", prove_cost, layer=1),
    Row("F21", "bulk transfer through the tunnel, ≥0.95 × of one set up by wg by hand", prove_bulk, layer=1),
)

__all__ = ["ROWS", "Absent", "Failed", "Prover", "Row"]
