/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tailscale/advice.h"

#include "base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The mesh's packets have 1280 bytes; WireGuard adds 60 on IPv4 and 80 on IPv6 (its header 16, tag 16, UDP 8, IP 20 or 40). */
#define MTU_V4 1340
#define MTU_V6 1360

static int add(struct advice *advice, const char *format, ...) FBN_PRINTF(2, 3);
static int add(struct advice *advice, const char *format, ...)
{
        char text[512];
        va_list arguments;
        const char **grown;

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        if (advice->count == advice->capacity) { /* in the arena, which takes nothing back: few of them come */
                size_t more = advice->capacity ? advice->capacity * 2 : 4;

                grown = arena_alloc(advice->arena, more * sizeof(*grown));
                if (!grown)
                        return fail_memory(advice->c);
                if (advice->count > 0)
                        memcpy(grown, advice->texts, advice->count * sizeof(*grown));
                advice->texts = grown;
                advice->capacity = more;
        }
        advice->texts[advice->count] = arena_strdup(advice->arena, text);
        return advice->texts[advice->count] ? (advice->count++, 0) : fail_memory(advice->c);
}

/* A number below /proc/sys/net of the namespace that the thread is in; -1 if there is none. */
static int setting(const char *name)
{
        char path[128];
        FILE *file;
        int value = -1;

        snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
        file = fopen(path, "re");
        if (file && fscanf(file, "%d", &value) != 1)
                value = -1;
        if (file)
                fclose(file);
        return value;
}

static int forwarding(struct advice *advice)
{
        bool v4 = false, v6 = false;
        int r = 0;

        for (size_t i = 0; i < advice->prefs->n_advertise_routes; i++)
                *(advice->prefs->advertise_routes[i].address.family == AF_INET ? &v4 : &v6) = true;
        if (v4 && setting("ipv4/ip_forward") == 0)
                r = add(advice, "it offers subnet routes, but net.ipv4.ip_forward is 0: set it to 1");
        if (r == 0 && v6 && setting("ipv6/conf/all/forwarding") == 0)
                r = add(advice, "it offers IPv6 subnet routes, but net.ipv6.conf.all.forwarding is 0: set it to 1");
        return r;
}

static fbn_address address_of(const struct sockaddr *socket)
{
        fbn_address address = {0};

        if (socket && socket->sa_family == AF_INET) {
                address.family = AF_INET;
                memcpy(address.bytes, &((const struct sockaddr_in *)socket)->sin_addr, 4);
        } else if (socket && socket->sa_family == AF_INET6) {
                address.family = AF_INET6;
                memcpy(address.bytes, &((const struct sockaddr_in6 *)socket)->sin6_addr, 16);
        }
        return address;
}

static uint8_t mask_length(const struct sockaddr *mask)
{
        fbn_address address = address_of(mask);
        uint8_t length = 0;

        for (size_t i = 0; i < sizeof(address.bytes); i++)
                length = (uint8_t)(length + __builtin_popcount(address.bytes[i]));
        return length;
}

static bool is_mesh(const struct advice *advice, const fbn_address *address)
{
        const fbn_tailscale_node *self = &fbn_tailscale_status_state(advice->status)->self;

        for (size_t i = 0; i < self->n_addresses; i++)
                if (address_compare(&self->addresses[i], address) == 0)
                        return true;
        return false;
}

/* tailscaled's table 52 comes before the main one: an accepted route to the LAN that the host is on takes the LAN away from it. */
static int own_lan_of(struct advice *advice, const struct ifaddrs *interface)
{
        fbn_prefix lan = {.address = address_of(interface->ifa_addr), .length = mask_length(interface->ifa_netmask)}, network;
        char route[FBN_ADDRESS_TEXT];

        if (!lan.address.family || interface->ifa_flags & IFF_LOOPBACK || is_mesh(advice, &lan.address) || fbn_prefix_network(&lan, &network) < 0)
                return 0;
        for (size_t i = 0; i < fbn_tailscale_status_count(advice->status); i++) {
                const fbn_tailscale_node *peer = fbn_tailscale_status_at(advice->status, i);

                for (size_t j = 0; j < peer->n_primary_routes; j++) {
                        const fbn_prefix *offered = &peer->primary_routes[j];

                        if (offered->length == 0 || !fbn_prefix_overlaps(offered, &network))
                                continue;
                        return add(advice, "it accepts %s from %s, but is on that network itself (%s): its own neighbours go by the mesh; accept no routes here, or add the rule 'to %s lookup main' before 5270",
                                   fbn_prefix_format(offered, route, sizeof(route)), peer->host_name, interface->ifa_name, route);
                }
        }
        return 0;
}

static int own_lan(struct advice *advice)
{
        struct ifaddrs *all = NULL;
        int r = 0;

        if (!advice->prefs->accept_routes || getifaddrs(&all) < 0)
                return 0;
        for (const struct ifaddrs *interface = all; r == 0 && interface; interface = interface->ifa_next)
                r = own_lan_of(advice, interface);
        freeifaddrs(all);
        return r;
}

/* The interface that has this address. */
static bool interface_find(const fbn_address *address, char name[IF_NAMESIZE])
{
        struct ifaddrs *all = NULL;
        bool found = false;

        if (getifaddrs(&all) < 0)
                return false;
        for (const struct ifaddrs *interface = all; interface && !found; interface = interface->ifa_next) {
                fbn_address candidate = address_of(interface->ifa_addr);

                found = candidate.family && address_compare(&candidate, address) == 0;
                if (found)
                        snprintf(name, IF_NAMESIZE, "%s", interface->ifa_name);
        }
        freeifaddrs(all);
        return found;
}

static int interface_type(const char *name)
{
        struct ifreq request = {0};
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), type = -1;

        snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
        if (fd >= 0) {
                if (ioctl(fd, SIOCGIFHWADDR, &request) == 0)
                        type = request.ifr_hwaddr.sa_family;
                close(fd);
        }
        return type;
}

/* A connected socket knows the way that its packets would take; nothing is sent. */
static int way_find(const char *endpoint, fbn_address *ret_source, int *ret_mtu)
{
        struct sockaddr_storage to = {0}, from = {0};
        socklen_t length = sizeof(from), size = sizeof(*ret_mtu);
        fbn_endpoint parsed;
        int fd, r = -1;

        if (fbn_endpoint_parse(endpoint, &parsed) < 0)
                return -1;
        if (parsed.address.family == AF_INET) {
                *(struct sockaddr_in *)&to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(parsed.port)};
                memcpy(&((struct sockaddr_in *)&to)->sin_addr, parsed.address.bytes, 4);
        } else {
                *(struct sockaddr_in6 *)&to = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(parsed.port)};
                memcpy(&((struct sockaddr_in6 *)&to)->sin6_addr, parsed.address.bytes, 16);
        }
        fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -1;
        if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 && getsockname(fd, (struct sockaddr *)&from, &length) == 0 &&
            getsockopt(fd, to.ss_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, to.ss_family == AF_INET ? IP_MTU : IPV6_MTU, ret_mtu, &size) == 0)
                r = 0;
        close(fd);
        *ret_source = address_of((struct sockaddr *)&from);
        return r;
}

static int path_of(struct advice *advice, const fbn_tailscale_node *peer)
{
        char name[IF_NAMESIZE] = "";
        fbn_address source;
        int mtu = 0, least, r = 0;

        if (!*peer->endpoint || way_find(peer->endpoint, &source, &mtu) < 0)
                return 0;
        least = source.family == AF_INET ? MTU_V4 : MTU_V6;
        if (mtu < least)
                r = add(advice, "the path to %s (%s) has an MTU of %d; the mesh needs %d: large packets are lost or fragmented", peer->host_name, peer->endpoint,
                        mtu, least);
        if (r == 0 && interface_find(&source, name) && interface_type(name) == ARPHRD_NONE)
                r = add(advice, "the path to %s (%s) goes through the tunnel %s: a tunnel in a tunnel; keep that endpoint out of its allowed IPs", peer->host_name,
                        peer->endpoint, name);
        return r;
}

static int paths(struct advice *advice)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < fbn_tailscale_status_count(advice->status); i++)
                r = path_of(advice, fbn_tailscale_status_at(advice->status, i));
        return r;
}

/* The daemon marks its packets so that they keep off its own routes; strict reverse-path filtering looks up the answers without the mark. */
static int reverse_path(struct advice *advice)
{
        struct if_nameindex *all = if_nameindex();
        int everywhere = setting("ipv4/conf/all/rp_filter"), r = 0;

        for (struct if_nameindex *one = all; r == 0 && one && one->if_index && advice->prefs->accept_routes; one++) {
                char name[64];
                int here;

                snprintf(name, sizeof(name), "ipv4/conf/%s/rp_filter", one->if_name);
                here = setting(name);
                snprintf(name, sizeof(name), "ipv4/conf/%s/src_valid_mark", one->if_name);
                if (strcmp(one->if_name, "lo") == 0 || MAX(here, everywhere) != 1 || setting("ipv4/conf/all/src_valid_mark") == 1 || setting(name) == 1)
                        continue;
                r = add(advice, "rp_filter is strict on %s, and routes are accepted: answers to marked packets are dropped; set rp_filter to 2, or src_valid_mark to 1",
                        one->if_name);
        }
        if (all)
                if_freenameindex(all);
        return r;
}

int advice_collect(struct advice *advice)
{
        NAMESPACE_GUARD guard = {-1};
        int r = namespace_enter(advice->c, &guard);

        if (r == 0)
                r = forwarding(advice);
        if (r == 0)
                r = own_lan(advice);
        if (r == 0)
                r = reverse_path(advice);
        return r < 0 ? r : paths(advice);
}
