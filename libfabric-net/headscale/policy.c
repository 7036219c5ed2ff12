/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "headscale/headscale.h"

/* No server takes an empty policy. One without rules allows everything from 0.27 on, and before that nothing (hscontrol/policy/v2/filter.go). */
#define NO_POLICY "// no policy: everything is allowed\n"
static const char no_policy[] = NO_POLICY "{}";
static const char no_policy_26[] = NO_POLICY "{\"acls\": [{\"action\": \"accept\", \"src\": [\"*\"], \"dst\": [\"*:*\"]}]}";

static const char *policy_text(const fbn_headscale *headscale, const char *policy)
{
        if (policy[strspn(policy, " \t\r\n")])
                return policy;
        return headscale->minor <= 26 ? no_policy_26 : no_policy;
}

static int text_copy(fbn_context *c, const char *text, char **ret_text)
{
        char *copy = memory_strdup(text);

        if (!copy)
                return fail_memory(c);
        *ret_text = copy;
        return 0;
}

int fbn_headscale_policy_get(fbn_context *c, fbn_headscale *headscale, char **ret_policy)
{
        _cleanup_(json_freep) json_t *object = NULL;
        HTTP_REPLY reply = {0};
        char words[256];
        const char *policy;
        int r;

        r = headscale_get(c, headscale, "/api/v1/policy", &reply);
        if (r < 0)
                return r;
        /* With an empty database: status 500 and these words, up to 0.29 (hscontrol/types/policy.go). */
        if (reply.status != 200 && strstr(http_reply_words(&reply, words, sizeof(words)), "acl policy not found"))
                return text_copy(c, "", ret_policy);
        if (reply.status != 200)
                return fail_in(c, headscale_refused(c, headscale, &reply), "policy");
        r = json_reply(c, headscale->http, &reply, &object);
        if (r < 0)
                return r;
        policy = json_string_value(json_object_get(object, "policy"));
        if (!policy)
                return fail(c, FBN_EPROTOCOL, "%s: the answer has no policy", http_name(headscale->http));
        return text_copy(c, streq(policy, no_policy) || streq(policy, no_policy_26) ? "" : policy, ret_policy);
}

static int policy_send(fbn_context *c, fbn_headscale *headscale, const char *method, const char *path, const char *policy)
{
        json_t *body = json_pack("{s:s}", "policy", policy);

        if (!body)
                return fail(c, FBN_EINVAL, "it is not UTF-8");
        return headscale_call(c, headscale, method, path, body, NULL);
}

int fbn_headscale_policy_check(fbn_context *c, fbn_headscale *headscale, const char *policy)
{
        int r = headscale_need(c, headscale, FBN_HEADSCALE_CAN_CHECK_POLICY, "check a policy without putting it in force");

        if (r == 0)
                r = policy_send(c, headscale, "POST", "/api/v1/policy/check", policy);
        return fail_in(c, r, "policy");
}

/* Servers up to 0.29 take a policy into use before they try its SSH rules (hscontrol/grpcv1.go, SetPolicy): what they then refuse stays in
 * force until the one before is put again. */
static void put_back(fbn_context *c, fbn_headscale *headscale, const char *before)
{
        struct undoing undoing = undo_begin(c);

        policy_send(c, headscale, "PUT", "/api/v1/policy", policy_text(headscale, before));
        undo_end(c, &undoing);
}

int fbn_headscale_policy_set(fbn_context *c, fbn_headscale *headscale, const char *policy, char **ret_before)
{
        _cleanup_free_ char *before = NULL;
        int r = fbn_headscale_can(c, headscale, FBN_HEADSCALE_CAN_CHECK_POLICY);

        if (r == 1)
                r = fbn_headscale_policy_check(c, headscale, policy);
        if (r >= 0)
                r = fbn_headscale_policy_get(c, headscale, &before);
        if (r < 0)
                return r;
        r = fail_in(c, policy_send(c, headscale, "PUT", "/api/v1/policy", policy_text(headscale, policy)), "policy");
        if (r == -FBN_EUNSUPPORTED)
                return fail(c, FBN_EUNSUPPORTED, "policy: the server reads it from a file, again at SIGHUP; or set policy.mode to \"database\" in its config.yaml");
        if (r == -FBN_EINVAL || r == -FBN_EPROTOCOL)
                put_back(c, headscale, before);
        if (r == 0 && ret_before)
                *ret_before = TAKE_PTR(before);
        return r;
}
