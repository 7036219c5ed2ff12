/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "edge/router/playback.h"

#include <sodium.h>
#include <stdio.h>

#define ANSWER "fabricnet-answer:"
#define ANSWER_MAX 65536

/* pfSsh.php takes a first word of a line such as "exec" or "exit" for itself and gives lines with "!" first to the shell: ours begin with none of
 * them. All that varies is in one value, as base64: there is nothing to quote. Source: pfSsh.php, playback_text(). */
static const char before[] = "$f = json_decode(base64_decode('";
static const char after[] =
        "'), true);\n"
        "$f['dir'] = '" ROUTER_FOLDER "';\n"
        "$f['answer'] = ['ok' => false, 'stale' => false, 'why' => ''];\n"
        "try {\n"
        "  if (isset($f['have']) && hash_file('sha256', '" ROUTER_CONFIG "') !== $f['have']) {\n"
        "    $f['answer']['stale'] = true;\n"
        "    throw new Exception('the configuration is not the one that was read');\n"
        "  }\n"
        "  if (isset($f['new']) && hash_file('sha256', $f['dir'] . '/' . $f['file']) !== $f['new'])\n"
        "    throw new Exception('the new configuration did not arrive whole');\n"
        "  if (isset($f['have'])) {\n"
        "    umask(0077);\n"
        "    if (!copy('" ROUTER_CONFIG "', $f['dir'] . '/before.xml') || !touch($f['dir'] . '/pending.' . $f['token']))\n"
        "      throw new Exception('the configuration cannot be kept in ' . $f['dir']);\n"
        "    file_put_contents($f['dir'] . '/player', getmypid());\n"
        "    file_put_contents($f['dir'] . '/pending.' . $f['token'], shell_exec('nohup /bin/sh ' . $f['dir'] . '/undo.sh ' . (int)$f['seconds'] . ' ' . $f['token'] . ' >/dev/null 2>&1 </dev/null & echo $!'));\n"
        "  }\n"
        "  foreach ($f['gone'] as $f_name)\n"
        "    interface_bring_down($f_name, true);\n"
        "  foreach ($f['routes'] as $f_name)\n"
        "    route_del($f_name);\n"
        "  config_restore($f['dir'] . '/' . $f['file'], 'fabricnet: ' . $f['fabric']);\n"
        "  if (in_array('wireguard', $f['work'])) {\n"
        "    require_once('wireguard/includes/wg.inc');\n"
        "    wg_tunnel_sync(null, false);\n"
        "  }\n"
        "  foreach ($f['interfaces'] as $f_name)\n"
        "    interface_configure($f_name, true);\n"
        "  if (array_intersect(['routing', 'interfaces'], $f['work'])) {\n"
        "    system_routing_configure();\n"
        "    setup_gateways_monitor();\n"
        "  }\n"
        "  if (array_intersect(['filter', 'interfaces', 'wireguard', 'routing'], $f['work']))\n"
        "    filter_configure_sync();\n"
        "  if (in_array('dns', $f['work'])) {\n"
        "    services_unbound_configure();\n"
        "    system_resolvconf_generate();\n"
        "  }\n"
        "  if (in_array('tailscale', $f['work'])) {\n"
        "    require_once('tailscale/tailscale.inc');\n"
        "    tailscale_resync_config_hook();\n"
        "  }\n"
        "  if (in_array('login', $f['work'])) {\n"
        "    require_once('tailscale/tailscale_auth.inc');\n"
        "    tailscale_auth_resync_config_hook();\n"
        "  }\n"
        "  $f['answer']['ok'] = true;\n"
        "} catch (Throwable $f_error) {\n"
        "  $f['answer']['why'] = substr($f_error->getMessage(), 0, 400);\n"
        "}\n"
        "if (isset($f['have']))\n"
        "  @unlink($f['dir'] . '/player');\n"
        "echo \"\\n" ANSWER "\" . base64_encode(json_encode($f['answer'], JSON_INVALID_UTF8_SUBSTITUTE)) . \"\\n\";\n"
        "exec\n"
        "exit\n";

const char playback_undo[] =
        "# Written by fabricnet: puts before.xml back after so many seconds, unless the file pending.CHANGE has been taken away.\n"
        "cd " ROUTER_FOLDER " || exit 3\n"
        "sleep \"$1\"\n"
        "# Somebody else may be at it: then it is over when he is.\n"
        "mv \"pending.$2\" undoing 2>/dev/null || { while kill -0 \"$(cat undoing 2>/dev/null)\" 2>/dev/null; do sleep 1; done; exit 3; }\n"
        "echo $$ >undoing\n"
        "# Whoever is still at it would write after us.\n"
        "player=$(cat player 2>/dev/null) && ps -o command= -p \"$player\" | grep -q pfSsh && kill -9 \"$player\" && sleep 1\n"
        "rm -f player\n"
        ROUTER_PLAYER " <undo.play >undo.log 2>&1 && grep -q '^" ANSWER "' undo.log && mv undoing undone\n";

static json_t *work_list(unsigned work)
{
        static const char *const names[] = {"wireguard", "interfaces", "routing", "filter", "dns", "tailscale", "login"};
        json_t *list = json_array();

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (work & 1u << i)
                        json_array_append_new(list, json_string(names[i]));
        return list;
}

static int write_value(const struct difference *difference, json_t *value, struct text *out)
{
        char *text = json_dumps(value, JSON_COMPACT), *encoded;
        size_t size = text ? sodium_base64_encoded_len(strlen(text), sodium_base64_VARIANT_ORIGINAL) : 0;

        encoded = text ? memory_alloc(size) : NULL;
        if (encoded)
                text_add(out, "%s%s%s", before, sodium_bin2base64(encoded, size, (const unsigned char *)text, strlen(text), sodium_base64_VARIANT_ORIGINAL),
                         after);
        memory_free(text);
        memory_free(encoded);
        return !encoded || out->failed ? fail_memory(difference->c) : 0;
}

int playback_write(const struct difference *difference, const char *file, const struct playback *playback, unsigned seconds, struct text *out)
{
        const struct ways *ways = playback ? &difference->forth : &difference->back;
        json_t *value = json_pack("{s:s, s:s, s:s*, s:s*, s:s*, s:I, s:o, s:O, s:O, s:O}", "fabric", difference->router->fabric, "file", file, "have",
                                  playback ? playback->have : NULL, "new", playback ? playback->new : NULL, "token", playback ? playback->token : NULL, "seconds", (json_int_t)seconds, "work", work_list(difference->work), "interfaces", ways->interfaces, "gone", ways->gone,
                                  "routes", ways->routes);
        int r = value ? write_value(difference, value, out) : fail_memory(difference->c);

        json_decref(value);
        return r;
}

static json_t *decode(const char *text, size_t length)
{
        unsigned char *bytes = length <= ANSWER_MAX ? memory_alloc(length + 1) : NULL;
        size_t n = 0;
        json_t *answer = NULL;

        if (bytes && sodium_base642bin(bytes, length, text, length, NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL) == 0)
                answer = json_loadb((const char *)bytes, n, 0, NULL);
        memory_free(bytes);
        return answer;
}

/* The last line that is an answer: the shell's prompts and the router's own notices are before it. */
static json_t *find_answer(const char *bytes, size_t length)
{
        const char *at = bytes, *found = NULL, *end = bytes + length;

        while ((at = memmem(at, (size_t)(end - at), ANSWER, sizeof(ANSWER) - 1))) {
                at += sizeof(ANSWER) - 1;
                found = at;
        }
        if (!found)
                return NULL;
        for (at = found; at < end && *at != '\n' && *at != '\r';)
                at++;
        return decode(found, (size_t)(at - found));
}

static void printable(char *text)
{
        for (; *text; text++)
                if ((unsigned char)*text < ' ' || *text == 127)
                        *text = ' ';
}

int playback_read(fbn_context *c, const char *bytes, size_t length)
{
        json_t *answer = find_answer(bytes, length);
        const char *why = json_string_value(json_object_get(answer, "why"));
        char reason[401];
        bool ok = json_is_true(json_object_get(answer, "ok")), stale = json_is_true(json_object_get(answer, "stale")), known = json_is_object(answer);

        snprintf(reason, sizeof(reason), "%s", why ? why : "");
        printable(reason);
        json_decref(answer);
        if (ok)
                return 0;
        if (!known)
                return fail(c, FBN_EPROTOCOL, "pfSsh.php gave no answer; 'pfSsh.php' there shows what it says");
        if (stale)
                return fail(c, FBN_ECONFLICT, "somebody changed its configuration meanwhile; nothing was changed: try again");
        return fail(c, FBN_EUNAVAILABLE, "pfSsh.php: %s", *reason ? reason : "it does not say why");
}
