/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the file expects is tried with real packets, and told to people and to Prometheus. */
#include "unit/test.h"

#include "netns/namespace.h"

#include <fabricnet/fabric.h>
#include <unistd.h>

static const char text[] =
        "{\"fabric\": 1, \"name\": \"n\", \"prefixes\": {\"lan\": \"192.168.8.0/24\"}, \"hosts\": {"
        "\"a\": {\"interfaces\": {\"va\": {\"address\": \"192.168.8.1\"}}}, \"b\": {\"interfaces\": {\"vb\": {\"address\": \"192.168.8.2\"}}}},"
        "\"expect\": [{\"from\": \"a\", \"to\": \"b/icmp\", \"is\": \"delivered\"}, {\"from\": \"a\", \"to\": \"b:7777/tcp\", \"is\": \"delivered\"},"
        "{\"from\": \"a\", \"to\": \"b:7778/tcp\", \"is\": \"delivered\"}, {\"from\": \"a\", \"to\": \"b:7779/tcp\", \"is\": \"dropped\"},"
        "{\"from\": \"a\", \"to\": \"b:7780/udp\", \"is\": \"delivered\"}, {\"from\": \"b\", \"to\": \"a/icmp\", \"is\": \"delivered\"}],"
        "\"allow\": [{\"code\": \"expectation-fails\", \"reason\": \"foreign rules drop it, which no file knows\"}]}";

static const fbn_fabric_fact *fact_of(const fbn_fabric_status *status, const char *object)
{
        for (size_t i = 0; i < fbn_fabric_status_count(status); i++)
                if (streq(fbn_fabric_status_at(status, i)->domain, "expect") && streq(fbn_fabric_status_at(status, i)->object, object))
                        return fbn_fabric_status_at(status, i);
        return NULL;
}

static void holds(const fbn_fabric_status *status, const char *object, fbn_health health, const char *says)
{
        const fbn_fabric_fact *fact = fact_of(status, object);

        assert_non_null(fact);
        if (fact->health != health || !strstr(fact->text, says))
                fail_msg("%s: %d, %s", object, fact->health, fact->text);
}

static fbn_fabric_status *look(fbn_context *c, const fbn_fabric *fabric)
{
        fbn_fabric_status *status = NULL;

        assert_ok(c, fbn_fabric_status_get(c, fabric, FBN_OPTIONS(fbn_fabric_options, .host = "a", .local_only = true, .probe = true), &status));
        return status;
}

static void expectations_are_tried_with_real_packets(void **state)
{
        FBN_CLEANUP(fbn_context) c = NULL;
        FBN_CLEANUP(fbn_fabric) fabric = NULL;
        FBN_CLEANUP(fbn_fabric_status) status = NULL;
        FBN_CLEANUP(fbn_fabric_status) gone = NULL;

        namespace_new("a");
        namespace_new("b");
        command("ip -n a link add va type veth peer vb netns b; ip -n a link set va up; ip -n b link set vb up;"
                "ip -n a address add 192.168.8.1/24 dev va; ip -n b address add 192.168.8.2/24 dev vb;"
                "ip netns exec b nft 'add table ip t; add chain ip t i { type filter hook input priority 0; }; add rule ip t i tcp dport 7779 drop'");
        command("ip netns exec b python3 -c 'import socket, time; s = socket.create_server((\"\", 7777)); print(flush=True); time.sleep(60)' > /dev/null & echo $! > /run/listener.pid");
        c = namespace_context("a");
        assert_ok(c, fbn_fabric_load(c, "test.json", text, &fabric));
        for (int i = 0; i < 100; i++) { /* until it listens */
                status = fbn_fabric_status_unref(status);
                status = look(c, fabric);
                if (fact_of(status, "b:7777/tcp")->health == FBN_HEALTH_OK)
                        break;
                usleep(100000);
        }
        holds(status, "b/icmp", FBN_HEALTH_OK, "3 of 3 answered");
        holds(status, "b:7777/tcp", FBN_HEALTH_OK, "answered in");
        holds(status, "b:7778/tcp", FBN_HEALTH_DOWN, "reached, but nobody listens on port 7778; it should be delivered");
        holds(status, "b:7779/tcp", FBN_HEALTH_OK, "no answer");
        holds(status, "b:7780/udp", FBN_HEALTH_DOWN, "nobody listens");
        assert_null(fact_of(status, "a/icmp"));
        assert_non_null(strstr(fbn_fabric_status_metrics(status), "fabricnet_probe_seconds{host=\"a\",from=\"a\",to=\"b/icmp\"} 0."));
        assert_non_null(strstr(fbn_fabric_status_metrics(status), "fabricnet_fact_healthy{host=\"a\",domain=\"expect\",object=\"b:7778/tcp\"} 0\n"));

        command("ip -n b link set vb down; ip netns exec b nft delete table ip t; kill $(cat /run/listener.pid)");
        gone = look(c, fabric);
        holds(gone, "b/icmp", FBN_HEALTH_DOWN, "it should be delivered");
        holds(gone, "b:7779/tcp", FBN_HEALTH_OK, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(expectations_are_tried_with_real_packets),
        };

        namespace_sandbox();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
