/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as a daemon's answer to get=1, in pieces of any size: a configuration that keeps its own rules, or a refusal in words. */
#include "base/address.h"
#include "base/system.h"
#include "wireguard/configuration.h"
#include "wireguard/userspace.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *left;
static size_t left_size;

static void check(bool good, const char *what)
{
        if (good)
                return;
        fprintf(stderr, "%s\n", what);
        abort();
}

static int no_socket(int domain, int type, int protocol)
{
        (void)domain, (void)type, (void)protocol;
        return open("/dev/null", O_RDWR | O_CLOEXEC);
}

static int no_connect(int fd, const struct sockaddr *address, socklen_t length)
{
        (void)fd, (void)address, (void)length;
        return 0;
}

static ssize_t swallow(int fd, const struct msghdr *message, int flags)
{
        (void)fd, (void)flags;
        return (ssize_t)message->msg_iov->iov_len;
}

/* The next piece; how long it is depends on what it says. */
static ssize_t deliver(int fd, struct msghdr *message, int flags)
{
        size_t n = left_size ? MIN(left_size, (size_t)*left * 7 + 1) : 0;

        (void)fd, (void)flags;
        n = MIN(n, message->msg_iov->iov_len);
        memcpy(message->msg_iov->iov_base, left, n);
        left += n;
        left_size -= n;
        return (ssize_t)n;
}

static void check_peer(const fbn_wireguard_peer *peer)
{
        check(!key_is_zero(peer->public_key.bytes), "a peer without a key");
        check(!peer->preshared_key || fbn_secret_length(peer->preshared_key) == KEY_BYTES, "a pre-shared key of another length");
        check(!peer->endpoint.address.family || peer->endpoint.port, "an endpoint without a port");
        for (size_t i = 0; i < peer->n_allowed_ips; i++) {
                fbn_prefix network;

                check(fbn_prefix_network(&peer->allowed_ips[i], &network) == 0, "an allowed IP that is no network");
                check(i == 0 || prefix_compare(&peer->allowed_ips[i - 1], &peer->allowed_ips[i]) < 0, "allowed IPs out of order");
        }
}

static fbn_context *context(void)
{
        static fbn_context *c;
        const fbn_system_calls calls = {
                .size = sizeof(calls), .socket = no_socket, .connect = no_connect, .sendmsg = swallow, .recvmsg = deliver};

        if (!c) {
                check(fbn_set_tables(NULL, &calls) == 0, "no tables");
                check(fbn_context_new(NULL, &c) == 0, "no context");
        }
        return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        fbn_context *c = context();
        FBN_CLEANUP(fbn_wireguard) have = NULL;
        int r;

        check(fbn_wireguard_new(c, NULL, &have) == 0, "no configuration");
        left = data;
        left_size = size;
        r = userspace_get(c, "wg0", have);
        check(r == 0 || r == -FBN_EPROTOCOL || r == -FBN_EUNAVAILABLE || r == -FBN_ESYSTEM || r == -FBN_EINVAL || r == -FBN_EEXIST,
              "another code");
        check(r == 0 || *fbn_context_error(c), "a failure without words");
        for (size_t i = 0; r == 0 && i < fbn_wireguard_count(have); i++) {
                check_peer(fbn_wireguard_at(have, i));
                check(configuration_find(have, &fbn_wireguard_at(have, i)->public_key) == fbn_wireguard_at(have, i), "a peer that is not found");
        }
        return 0;
}

#include "replay.h"
