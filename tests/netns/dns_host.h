/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NETNS_DNS_HOST_H
#define NETNS_DNS_HOST_H

/* A host whose resolver is configured: this very process's namespaces, with an /etc of its own. Two name servers are a cable away: site
 * has local.example and 20.168.192.in-addr.arpa, net has all else; both write down what they are asked. */
#include "netns/namespace.h"

#include <fabricnet/dns.h>
#include <pthread.h>
#include <sys/stat.h>

#define SITE "10.7.0.1"
#define NET "192.0.2.1"

static fbn_context *here;
static char fetched[256]; /* what tests/dns/fetch has put down */

static inline void server_start(const char *name, const char *address, const char *data)
{
        FILE *file;
        char path[64];

        snprintf(path, sizeof(path), "/run/%s.conf", name);
        file = fopen(path, "w");
        assert_non_null(file);
        fprintf(file, "server:\n  interface: %s\n  interface: %s@5301\n  do-daemonize: no\n  use-syslog: no\n  logfile: /run/%s.log\n  log-queries: yes\n  chroot: ''\n"
                      "  username: ''\n  directory: /run\n  pidfile: ''\n  access-control: 0.0.0.0/0 allow\n  module-config: iterator\n  num-threads: 1\n%s"
                      "remote-control:\n  control-enable: no\n", address, address, name, data);
        fclose(file);
        command("ip netns exec %s unbound -c /run/%s.conf &", name, name);
        command_until("dig +tries=1 +time=1 @%s localhost >/dev/null", address);
}

static inline void host_etc(void)
{
        sandbox_need(mount("tmpfs", "/mnt", "tmpfs", 0, "mode=755"), "tmpfs");
        command("mkdir -p /mnt/upper /mnt/work && mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work /etc");
        command("umount -l /etc/resolv.conf 2>/dev/null; rm -f /etc/resolv.conf /etc/resolvconf.conf; echo 'hosts: files dns' > /etc/nsswitch.conf");
        command("printf '127.0.0.1 localhost\\n' > /etc/hosts; echo 'nameserver " NET "' > /etc/resolv.conf");
}

static inline int host_setup(void **state)
{
        const char *cache = getenv("FBN_CACHE"), *home = getenv("HOME");

        if (cache)
                snprintf(fetched, sizeof(fetched), "%s/dns", cache);
        else
                snprintf(fetched, sizeof(fetched), "%s/.cache/fabricnet-tests/dns", home ? home : "/root");
        assert_ok(NULL, fbn_context_new(NULL, &here));
        host_etc();
        namespace_new("site");
        namespace_new("net");
        command("ip link add site0 type veth peer name eth0 netns site && ip link add net0 type veth peer name eth0 netns net");
        command("ip address add 10.7.0.2/24 dev site0 && ip address add 192.0.2.2/24 dev net0 && ip link set site0 up && ip link set net0 up");
        command("ip -n site address add 10.7.0.1/24 dev eth0 && ip -n site link set eth0 up");
        command("ip -n net address add 192.0.2.1/24 dev eth0 && ip -n net link set eth0 up && ip route add default via 192.0.2.1");
        server_start("site", SITE, "  local-zone: local.example. static\n  local-data: 'nas.local.example. A 192.168.20.10'\n  local-data: 'local.example. A 192.168.20.1'\n"
                                   "  local-zone: 20.168.192.in-addr.arpa. static\n  local-data-ptr: '192.168.20.10 nas.local.example.'\n"
                                   "  local-zone: moved.example static\n  local-data: 'moved.example. A 11.22.33.9'\n");
        server_start("net", NET, "  local-zone: . static\n  local-data: 'www.example.org. A 11.22.33.7'\n  local-data: 'local.example. A 11.22.33.66'\n"
                                 "  local-data: 'apex.example. A 11.22.33.8'\n");
        return 0;
}

/* A system bus that lets everybody be anything. */
static inline void bus_start(void)
{
        FILE *file = fopen("/run/bus.conf", "w");

        fprintf(file, "<!DOCTYPE busconfig PUBLIC '-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN' 'http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd'>\n"
                      "<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>\n"
                      "<policy context='default'><allow user='*'/><allow own='*'/><allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/></policy></busconfig>\n");
        fclose(file);
        command("mkdir -p /run/dbus && dbus-daemon --config-file=/run/bus.conf --nofork --nopidfile 2>/run/bus.log &");
        command_until("busctl --system call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus GetId >/dev/null 2>&1");
}

static inline int host_teardown(void **state)
{
        fbn_context_unref(here);
        return 0;
}

/* How often a server was asked for a name so far. */
static inline int times_asked(const char *server, const char *name)
{
        char *text = command_output("grep -ci ' %s\\. ' /run/%s.log || true", name, server);
        int times = atoi(text);

        free(text);
        return times;
}

/* The C library's view: what programs on this host get. */
static inline void assert_resolves(const char *name, const char *address)
{
        command_until("getent ahostsv4 %s | grep -q '^%s '", name, address);
}

static inline void assert_unknown(const char *name)
{
        assert_int_not_equal(command_try("getent ahostsv4 %s >/dev/null", name), 0);
}

/* local.example and 192.168.20.0/24 of the site, on a port. */
static inline fbn_dns_routes *site_routes(uint16_t port)
{
        fbn_endpoint upstream = {.port = port};
        fbn_dns_routes *routes = NULL;
        fbn_prefix reverse;

        fbn_address_parse(SITE, &upstream.address);
        fbn_prefix_parse("192.168.20.0/24", &reverse);
        assert_ok(here, fbn_dns_routes_new(here, &routes));
        assert_ok(here, fbn_dns_routes_add(here, routes, FBN_OPTIONS(fbn_dns_route, .suffix = "local.example", .upstreams = &upstream, .n_upstreams = 1,
                                                                     .reverse = &reverse, .n_reverse = 1)));
        return routes;
}

static inline void add_system(fbn_dns_routes *routes)
{
        assert_ok(here, fbn_dns_routes_add(here, routes, FBN_OPTIONS(fbn_dns_route, .suffix = ".", .system = true)));
}

struct host_stub {
        fbn_context *c;
        fbn_dns_stub *stub;
        pthread_t thread;
};

static inline void *host_stub_main(void *data)
{
        struct host_stub *stub = data;

        fbn_dns_stub_run(stub->c, stub->stub);
        return NULL;
}

static inline fbn_endpoint host_endpoint(const char *text)
{
        fbn_endpoint endpoint;

        assert_int_equal(fbn_endpoint_parse(text, &endpoint), 0);
        return endpoint;
}

static inline void host_stub_start(struct host_stub *stub, const fbn_dns_routes *routes, const char *listen)
{
        const fbn_endpoint where = host_endpoint(listen);

        assert_ok(NULL, fbn_context_new(NULL, &stub->c));
        assert_ok(stub->c, fbn_dns_stub_new(stub->c, routes, FBN_OPTIONS(fbn_dns_stub_options, .listen = &where, .n_listen = 1, .timeout_ms = 500), &stub->stub));
        assert_int_equal(pthread_create(&stub->thread, NULL, host_stub_main, stub), 0);
}

static inline void host_stub_stop(struct host_stub *stub)
{
        fbn_context_cancel(stub->c);
        pthread_join(stub->thread, NULL);
        fbn_dns_stub_unref(stub->stub);
        fbn_context_unref(stub->c);
}

static inline int applied(const fbn_dns_routes *routes, const fbn_dns_host_options *options)
{
        int r = fbn_dns_host_apply(here, routes, options, NULL);

        assert_ok(here, r);
        return r;
}

/* What is found, or fails. */
static inline fbn_dns_host *looked(fbn_dns_manager manager, bool ours)
{
        fbn_dns_host *host = NULL;

        assert_ok(here, fbn_dns_host_get(here, NULL, &host));
        if (fbn_dns_host_state_get(host)->manager != manager)
                fail_msg("manager %d: %s", fbn_dns_host_state_get(host)->manager, fbn_dns_host_state_get(host)->reason);
        assert_int_equal(fbn_dns_host_state_get(host)->ours, ours);
        return host;
}

static inline void assert_found(fbn_dns_manager manager, bool ours, const char *server)
{
        FBN_CLEANUP(fbn_dns_host) host = looked(manager, ours);
        const fbn_dns_host_state *state = fbn_dns_host_state_get(host);
        char text[FBN_ADDRESS_TEXT];

        assert_int_equal(state->n_servers, 1);
        assert_string_equal(fbn_endpoint_format(&state->servers[0], text, sizeof(text)), server);
}

#endif
