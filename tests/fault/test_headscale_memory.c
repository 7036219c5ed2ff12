/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include <fabricnet/headscale.h>

#include "fault/memory.h"
#include "unit/http_server.h"

#define JSON "application/json"
#define NODE "{\"id\":\"1\",\"name\":\"nas\",\"givenName\":\"nas\",\"user\":{\"name\":\"home\"},\"ipAddresses\":[\"100.64.0.1\"],\"tags\":[\"tag:a\"]," \
             "\"approvedRoutes\":[\"192.168.8.0/24\"],\"online\":true}"

static int with_server(fbn_context *c, const struct server_answer *answers, size_t n_answers, int (*talk)(fbn_context *c, fbn_headscale *headscale))
{
        struct server *server = server_new(answers, n_answers);
        FBN_CLEANUP(fbn_headscale) headscale = NULL;
        FBN_CLEANUP(fbn_secret) key = NULL;
        int r = fbn_secret_new(c, "hskey-api-test", 14, &key);

        if (r == 0)
                r = fbn_headscale_new(c, FBN_OPTIONS(fbn_headscale_options, .url = server->url, .api_key = key), &headscale);
        if (r == 0)
                r = talk(c, headscale);
        server_free(server);
        return r;
}

static int lists_of(fbn_context *c, fbn_headscale *headscale)
{
        FBN_CLEANUP(fbn_headscale_users) users = NULL;
        FBN_CLEANUP(fbn_headscale_nodes) nodes = NULL;
        int r = fbn_headscale_user_list(c, headscale, &users);

        return r < 0 ? r : fbn_headscale_node_list(c, headscale, &nodes);
}

static int lists(fbn_context *c)
{
        return with_server(c, ANSWERS({200, JSON, "{\"users\":[{\"id\":\"1\",\"name\":\"home\"}]}"}, {200, JSON, "{\"nodes\":[" NODE "," NODE "]}"}), lists_of);
}

static int writes_of(fbn_context *c, fbn_headscale *headscale)
{
        FBN_CLEANUP(fbn_secret) key = NULL;
        fbn_prefix route;
        int r = fbn_headscale_key_mint(c, headscale, FBN_OPTIONS(fbn_headscale_key_options, .user = 1), &key);

        fbn_prefix_parse("192.168.8.0/24", &route);
        if (r == 0)
                r = fbn_headscale_node_approve(c, headscale, 1, &route, 1);
        if (r == 0)
                r = fbn_headscale_node_register(c, headscale, "home", "id");
        return r;
}

static int writes(fbn_context *c)
{
        return with_server(c, ANSWERS({200, JSON, "{\"preAuthKey\":{\"key\":\"k\"}}"}, {200, JSON, "{}"}, {404, NULL, ""}, {200, JSON, "{}"}), writes_of);
}

static int apply_of(fbn_context *c, fbn_headscale *headscale)
{
        FBN_CLEANUP(fbn_headscale_keys) keys = NULL;
        const char *const tags[] = {"tag:b"};
        const fbn_headscale_user users[] = {{.size = sizeof(*users), .name = "family"}};
        const fbn_headscale_node nodes[] = {{.size = sizeof(*nodes), .given_name = "nas", .set = FBN_HEADSCALE_SET_TAGS | FBN_HEADSCALE_SET_APPROVED_ROUTES,
                                             .tags = tags, .n_tags = 1}};
        int r = fbn_headscale_apply(c, headscale, FBN_OPTIONS(fbn_headscale_wanted, .users = users, .n_users = 1, .nodes = nodes, .n_nodes = 1),
                                    FBN_OPTIONS(fbn_headscale_change_options, .dry_run = true), NULL);

        if (r >= 0)
                r = fbn_headscale_key_list(c, headscale, FBN_HEADSCALE_KEY_API, &keys);
        return r < 0 ? r : 0;
}

/* Nothing is there yet, and nothing is written. */
static int files_of(fbn_context *c, fbn_headscale *headscale)
{
        const char *const resolvers[] = {"100.64.0.7"};
        const fbn_headscale_domain split[] = {{sizeof(*split), "*.local.example", resolvers, 1}};
        fbn_headscale_record record = {.size = sizeof(record), .name = "nas.example"};
        const fbn_headscale_config config = {.size = sizeof(config), .server_url = "https://h.example.org", .split = split, .n_split = 1, .records = &record, .n_records = 1,
                                             .records_path = "/nonexistent/records.json", .more = "{\"tls_cert_path\": \"/c\"}"};
        const fbn_headscale_kept_key keys[] = {{.size = sizeof(*keys), .file = "/nonexistent/key", .kind = FBN_HEADSCALE_KEY_API}};
        int r;

        fbn_address_parse("192.168.8.10", &record.address);
        r = fbn_headscale_apply(c, headscale, FBN_OPTIONS(fbn_headscale_wanted, .config = &config, .config_path = "/nonexistent/config.yaml", .keys = keys, .n_keys = 1),
                                FBN_OPTIONS(fbn_headscale_change_options, .dry_run = true), NULL);
        return r < 0 ? r : 0;
}

static int files(fbn_context *c)
{
        return with_server(c, ANSWERS({404, NULL, ""}, {200, JSON, "{\"apiKeys\":[]}"}), files_of);
}

static int applies(fbn_context *c)
{
        return with_server(c,
                           ANSWERS({200, JSON, "{\"nodes\":[" NODE "]}"}, {200, JSON, "{\"users\":[]}"}, {404, NULL, ""},
                                   {200, JSON, "{\"apiKeys\":[{\"id\":\"1\",\"prefix\":\"abcdefg\"}]}"}),
                           apply_of);
}

SCENARIO(lists)
SCENARIO(applies)
SCENARIO(files)
SCENARIO(writes)

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(lists_survive), cmocka_unit_test(applies_survive), cmocka_unit_test(files_survive), cmocka_unit_test(writes_survive)};

        memory_tables();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
