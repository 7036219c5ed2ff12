/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unit/test.h"

#include <fabricnet/tailscale.h>

#include "fault/memory.h"
#include "unit/http_server.h"

#define JSON "application/json"
#define STATUS "{\"BackendState\":\"Running\",\"HaveNodeKey\":true,\"Health\":[\"a\"],\"Self\":{\"ID\":\"1\",\"TailscaleIPs\":[\"100.64.0.1\"]}," \
               "\"Peer\":{\"k\":{\"HostName\":\"nas\",\"AllowedIPs\":[\"100.64.0.2/32\"]}}}"
#define PREFS "{\"ControlURL\":\"https://hs.example\",\"WantRunning\":true,\"AdvertiseRoutes\":[\"10.0.0.0/8\"],\"AdvertiseTags\":[\"tag:a\"],\"Hostname\":\"a\"}"

static int status(fbn_context *c)
{
        struct server *server = server_new_unix(ANSWERS({200, JSON, STATUS}));
        FBN_CLEANUP(fbn_tailscale_status) status = NULL;
        int r = fbn_tailscale_status_get(c, FBN_OPTIONS(fbn_tailscale_options, .socket = server->socket), &status);

        server_free(server);
        return r;
}

static int apply(fbn_context *c)
{
        struct server *server = server_new_unix(ANSWERS({200, JSON, PREFS, SERVER_CLOSE}, {200, JSON, PREFS}));
        FBN_CLEANUP(fbn_changes) changes = NULL;
        int r = fbn_tailscale_apply(c, FBN_OPTIONS(fbn_tailscale_options, .socket = server->socket),
                                    FBN_OPTIONS(fbn_tailscale_prefs, .set = FBN_TAILSCALE_SET_ADVERTISE_ROUTES | FBN_TAILSCALE_SET_HOST_NAME, .host_name = "b"),
                                    &changes);

        server_free(server);
        return r;
}

static int enrol(fbn_context *c)
{
        struct server *server = server_new_unix(ANSWERS({200, JSON, STATUS}, {200, JSON, PREFS}));
        int r = fbn_tailscale_enrol(c, FBN_OPTIONS(fbn_tailscale_options, .socket = server->socket),
                                    FBN_OPTIONS(fbn_tailscale_prefs, .set = FBN_TAILSCALE_SET_LOGIN_SERVER, .login_server = "https://hs.example"), NULL, NULL);

        server_free(server);
        return r;
}

SCENARIO(status)
SCENARIO(apply)
SCENARIO(enrol)

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(status_survive), cmocka_unit_test(apply_survive), cmocka_unit_test(enrol_survive)};

        memory_tables();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
