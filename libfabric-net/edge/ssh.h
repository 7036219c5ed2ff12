/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef EDGE_SSH_H
#define EDGE_SSH_H

#include "base/context.h"
#include "base/text.h"

/* Whom ssh(1) speaks to, and as whom. Its settings call it "peer". */
struct ssh_peer {
        const char *host; /* a name or an address */
        uint16_t port;    /* 0: 22 */
        const char *user; /* NULL: root */
        const char *private_key, *host_key;
};

/* 0, or -FBN_EINVAL for what would be read as something else by ssh or its files, and as fbn_secret_read_file() of the private key. */
int ssh_peer_check(fbn_context *c, const struct ssh_peer *peer);

/* What is neither letter, digit, one of "-._" nor one of also is not plain, and nor is a "-" at the start. */
bool ssh_is_plain(const char *text, const char *also);

/* The files ssh_config and known_hosts in a folder; what ssh is told names the latter by names, which may be relative to where it runs. */
int ssh_write_settings(fbn_context *c, const struct ssh_peer *peer, const char *folder, const char *names);

/* What may be done about ssh's last words; "" if nothing is known. */
const char *ssh_hint(const char *said);

#endif
