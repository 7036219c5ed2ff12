#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A public host's nginx and fail2ban, declared: run it as often as you like. As root."""
import fabricnet

STATE = "/var/lib/fabricnet"
TLS = "/etc/letsencrypt/live/example.net"

with fabricnet.Context() as c:
    changes = c.edge.services(
        [
            {"name": "photos", "names": ["photos.example.net"], "upstream": "192.168.8.20", "port": 8080, "device": "wg0", "websocket": True, "cdn": True,
             "certificate": f"{TLS}/fullchain.pem", "certificate_key": f"{TLS}/privkey.pem", "hsts_s": 31536000, "body_bytes": 1 << 30},
        ],
        ranges_file=f"{STATE}/cdn-ranges",
        origin_ca="/etc/fabricnet/origin-pull-ca.pem",
        ban_map=f"{STATE}/ban.map",
    )
    changes += c.edge.fail2ban(sshd=True, nginx=True, ranges_file=f"{STATE}/cdn-ranges", ignore=["192.168.8.0/24", "172.26.5.0/24"])
    for change in changes:
        print(change)
