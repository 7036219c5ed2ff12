/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any JSON as an answer of tailscaled's, and any bytes as the DNS message that it hands over: read or refused in words. */
#include "tailscale/answer.h"
#include "tailscale/tailscale.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good, const char *what)
{
        if (good)
                return;
        fprintf(stderr, "%s\n", what);
        abort();
}

static void read_object(fbn_context *c, const json_t *object)
{
        FBN_CLEANUP(fbn_tailscale_status) status = NULL, *whois = NULL;
        FBN_CLEANUP(fbn_tailscale_settings) settings = NULL;
        _cleanup_(text_free) struct text answer = {0};
        fbn_tailscale_pong pong;
        int r = tailscale_status_read(c, object, &status);

        check(r == 0 ? status != NULL : r == -FBN_EPROTOCOL && !status, "status: another code, or an output although it failed");
        r = tailscale_whois_read(c, object, &whois);
        check(r == 0 ? fbn_tailscale_status_count(whois) == 1 : r == -FBN_EPROTOCOL && !whois, "whois: another code");
        r = tailscale_settings_read(c, object, &settings);
        check(r == 0 ? settings != NULL : r == -FBN_EPROTOCOL, "settings: another code");
        r = tailscale_pong_read(c, object, &pong);
        check(r == 0 || r == -FBN_EPROTOCOL || r == -FBN_ETIMEOUT || r == -FBN_ENOENT, "pong: another code");
        tailscale_resolution_read(c, object, &answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static fbn_context *c;
        _cleanup_(text_free) struct text answer = {0};
        json_t *object = json_loadb((const char *)data, size, 0, NULL);
        int r;

        if (!c)
                check(fbn_context_new(NULL, &c) == 0, "no context");
        if (json_is_object(object))
                read_object(c, object);
        json_decref(object);
        r = tailscale_answer_read(c, data, size, &answer);
        check(r == 0 ? answer.bytes != NULL : r == -FBN_EPROTOCOL || r == -FBN_ENOENT || r == -FBN_EUNAVAILABLE, "answer: another code");
        return 0;
}

#include "replay.h"
