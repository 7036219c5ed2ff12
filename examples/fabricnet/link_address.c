/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "link.h"

#include <string.h>

static const struct {
        const char *word;
        fbn_link_scope scope;
} scopes[] = {{"global", FBN_LINK_SCOPE_GLOBAL}, {"site", FBN_LINK_SCOPE_SITE}, {"link", FBN_LINK_SCOPE_LINK}, {"host", FBN_LINK_SCOPE_HOST}};

static const char *scope_word(fbn_link_scope scope)
{
        for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
                if (scopes[i].scope == scope)
                        return scopes[i].word;
        return "other";
}

static json_t *address_json(const fbn_link_address *address)
{
        char text[FBN_ADDRESS_TEXT], peer[FBN_ADDRESS_TEXT], broadcast[FBN_ADDRESS_TEXT];

        fbn_prefix_format(&address->address, text, sizeof(text));
        fbn_address_format(&address->peer, peer, sizeof(peer));
        fbn_address_format(&address->broadcast, broadcast, sizeof(broadcast));
        return json_pack("{s:s, s:s, s:s?, s:s?, s:s, s:I, s:I, s:i, s:b, s:b, s:b, s:b, s:b, s:b, s:b}", "device", address->device, "address", text,
                         "peer", *peer ? peer : NULL, "broadcast", *broadcast ? broadcast : NULL, "scope", scope_word(address->scope), "valid",
                         (json_int_t)address->valid, "preferred", (json_int_t)address->preferred, "protocol", (int)address->protocol, "deprecated",
                         (int)address->deprecated, "no_prefix_route", (int)address->no_prefix_route, "no_dad", (int)address->no_dad, "tentative",
                         (int)address->tentative, "dad_failed", (int)address->dad_failed, "secondary", (int)address->secondary, "ours",
                         address->protocol == FBN_PROTOCOL);
}

static void add_row(struct table *table, const fbn_link_address *address)
{
        char text[FBN_ADDRESS_TEXT], peer[FBN_ADDRESS_TEXT + 8], details[128];

        snprintf(peer, sizeof(peer), "%s", address->peer.family ? "to " : "");
        fbn_address_format(&address->peer, peer + strlen(peer), FBN_ADDRESS_TEXT);
        snprintf(details, sizeof(details), "%s%s%s%s%s", scope_word(address->scope), address->tentative ? ", tentative" : "",
                 address->dad_failed ? ", taken by another host" : "", address->deprecated ? ", deprecated" : "",
                 address->no_prefix_route ? ", no prefix route" : "");
        if (address->valid)
                snprintf(details + strlen(details), sizeof(details) - strlen(details), ", %u s left", address->valid);
        table_add(table, address->device);
        table_add(table, fbn_prefix_format(&address->address, text, sizeof(text)));
        table_add(table, peer);
        table_add(table, details);
        table_add(table, address->protocol == FBN_PROTOCOL ? "ours" : "");
}

int link_addresses(struct command *command)
{
        FBN_CLEANUP(fbn_link_addresses) list = NULL;
        json_t *all = NULL;
        struct table table = {0};
        int r = fbn_link_address_list(command->c, command->count > 0 ? command->argument[0] : NULL, &list);

        if (r < 0)
                return failed(command, r);
        if (command->json)
                all = json_array();
        for (size_t i = 0; i < fbn_link_addresses_count(list); i++) {
                if (all)
                        json_array_append_new(all, address_json(fbn_link_addresses_at(list, i)));
                else
                        add_row(&table, fbn_link_addresses_at(list, i));
        }
        if (all)
                return print_json(all);
        table_print(&table, 5, stdout);
        return EXIT_DONE;
}

static bool flag_word(const char *word, fbn_link_address *address)
{
        const struct {
                const char *word;
                bool *member;
        } flags[] = {{"noprefixroute", &address->no_prefix_route}, {"nodad", &address->no_dad}, {"deprecated", &address->deprecated}};

        for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
                if (strcmp(flags[i].word, word) == 0)
                        return *flags[i].member = true;
        return false;
}

static bool scope_of(const char *word, fbn_link_scope *ret_scope)
{
        for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
                if (strcmp(scopes[i].word, word) == 0) {
                        *ret_scope = scopes[i].scope;
                        return true;
                }
        return false;
}

/* Whether value is one for this word. */
static bool value_word(const char *word, const char *value, fbn_link_address *address, bool *ret_known)
{
        uint64_t number = 0;
        bool fits;

        *ret_known = true;
        if (strcmp(word, "peer") == 0)
                return fbn_address_parse(value, &address->peer) == 0;
        if (strcmp(word, "broadcast") == 0)
                return fbn_address_parse(value, &address->broadcast) == 0;
        if (strcmp(word, "scope") == 0)
                return scope_of(value, &address->scope);
        fits = number_of(value, UINT32_MAX - 1, &number) && number > 0;
        if (strcmp(word, "valid") == 0)
                address->valid = (uint32_t)number;
        else if (strcmp(word, "preferred") == 0)
                address->preferred = (uint32_t)number;
        else
                *ret_known = false;
        return fits;
}

/* "peer 10.0.0.2 valid 600 noprefixroute": words much as ip-address(8) has them. */
static int read_words(struct command *command, fbn_link_address *address)
{
        for (int i = 2; i < command->count; i++) {
                const char *word = command->argument[i];
                const char *value = i + 1 < command->count ? command->argument[i + 1] : NULL;
                bool known, fits;

                if (flag_word(word, address))
                        continue;
                if (!value)
                        return misused("link: '%s' needs a value, or is no word for an address", word);
                fits = value_word(word, value, address, &known);
                if (!known)
                        return misused("link: '%s' is not one of peer, broadcast, scope, valid, preferred, deprecated, noprefixroute, nodad", word);
                if (!fits)
                        return misused("link: '%s' is nothing for '%s'", value, word);
                i++;
        }
        return EXIT_DONE;
}

static int address_verb(struct command *command, int (*verb)(fbn_context *c, const fbn_link_address *address))
{
        fbn_link_address address = {.size = sizeof(address)};
        int code, r;

        if (command->count < 2)
                return misused("link: say the link and the address, ADDRESS/LENGTH");
        address.device = command->argument[0];
        if (fbn_prefix_parse(command->argument[1], &address.address) < 0)
                return misused("'%s' is no address", command->argument[1]);
        code = read_words(command, &address);
        if (code != EXIT_DONE)
                return code;
        r = verb(command->c, &address);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

int link_address_add(struct command *command)
{
        return address_verb(command, fbn_link_address_add);
}

int link_address_delete(struct command *command)
{
        return address_verb(command, fbn_link_address_delete);
}

int link_address_apply(struct command *command)
{
        FBN_CLEANUP(fbn_link_addresses) want = NULL;
        FBN_CLEANUP(fbn_changes) changes = NULL;
        fbn_link_address_apply_options options = {.size = sizeof(options), .dry_run = command->dry_run};
        int r;

        if (command->count < 1)
                return misused("usage: fabricnet link address-apply LINK [ADDRESS/LENGTH…]");
        r = fbn_link_addresses_new(command->c, &want);
        for (int i = 1; r >= 0 && i < command->count; i++) {
                fbn_link_address address = {.size = sizeof(address), .device = command->argument[0]};

                if (fbn_prefix_parse(command->argument[i], &address.address) < 0)
                        return misused("'%s' is no address", command->argument[i]);
                r = fbn_link_addresses_add(command->c, want, &address);
        }
        if (r >= 0)
                r = fbn_link_address_apply(command->c, command->argument[0], want, &options, &changes);
        return changed(command, r, changes);
}
