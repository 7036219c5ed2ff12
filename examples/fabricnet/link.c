/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"

#include <stdlib.h>
#include <string.h>

static json_t *link_json(const fbn_link *link)
{
        return json_pack("{s:s, s:s?, s:i, s:i, s:b, s:b, s:s?, s:s?}", "name", link->name, "kind", link->kind, "index", (int)link->index, "mtu",
                         (int)link->mtu, "up", link->state == FBN_LINK_UP, "running", (int)link->running, "master", link->master, "alias", link->alias);
}

static int list(struct command *command)
{
        FBN_CLEANUP(fbn_links) links = NULL;
        json_t *all = command->json ? json_array() : NULL;
        struct table table = {0};
        int r = fbn_link_list(command->c, command->count > 0 ? command->argument[0] : NULL, &links);

        for (size_t i = 0; r >= 0 && i < fbn_links_count(links); i++) {
                const fbn_link *link = fbn_links_at(links, i);
                char mtu[16];

                if (all) {
                        json_array_append_new(all, link_json(link));
                        continue;
                }
                snprintf(mtu, sizeof(mtu), "%u", link->mtu);
                table_add(&table, link->name);
                table_add(&table, link->kind ? link->kind : "device");
                table_add(&table, link->state == FBN_LINK_UP ? (link->running ? "up" : "no carrier") : "down");
                table_add(&table, mtu);
                table_add(&table, link->alias);
        }
        if (r < 0) {
                json_decref(all);
                return failed(command, r);
        }
        if (all)
                return print_json(all);
        table_print(&table, 5, stdout);
        return EXIT_DONE;
}

/* "mtu 1280 up master br0 peer veth1": words as ip-link(8) has them. */
static int words(struct command *command, int from, fbn_link *link)
{
        for (int i = from; i < command->count; i++) {
                const char *word = command->argument[i];
                const char *value = i + 1 < command->count ? command->argument[i + 1] : NULL;
                uint64_t number = 0;

                if (strcmp(word, "up") == 0 || strcmp(word, "down") == 0) {
                        link->state = *word == 'u' ? FBN_LINK_UP : FBN_LINK_DOWN;
                        continue;
                }
                if (!value)
                        return misused("link: '%s' needs a value", word);
                if ((strcmp(word, "mtu") == 0 && !number_of(value, UINT32_MAX, &number)) ||
                    (strcmp(word, "vlan") == 0 && !number_of(value, 4094, &number)))
                        return misused("link: '%s' is no number for '%s'", value, word);
                if (strcmp(word, "mtu") == 0)
                        link->mtu = (uint32_t)number;
                else if (strcmp(word, "master") == 0)
                        link->master = value;
                else if (strcmp(word, "peer") == 0)
                        link->peer = value;
                else if (strcmp(word, "parent") == 0)
                        link->parent = value;
                else if (strcmp(word, "vlan") == 0)
                        link->vlan = (uint16_t)number;
                else if (strcmp(word, "alias") == 0)
                        link->alias = value;
                else
                        return misused("link: '%s' is not one of up, down, mtu, master, peer, parent, vlan, alias", word);
                i++;
        }
        return EXIT_DONE;
}

static int create(struct command *command)
{
        fbn_link link = {.size = sizeof(link)};
        int code, r;

        if (command->count < 2)
                return misused("usage: fabricnet link create NAME KIND [WORD VALUE…]");
        link.name = command->argument[0];
        link.kind = command->argument[1];
        code = words(command, 2, &link);
        if (code != EXIT_DONE)
                return code;
        r = fbn_link_create(command->c, &link);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int set(struct command *command)
{
        fbn_link link = {.size = sizeof(link)};
        int code, r;

        if (command->count < 2)
                return misused("usage: fabricnet link set NAME [up|down] [mtu N] [master NAME] [alias TEXT]");
        link.name = command->argument[0];
        code = words(command, 1, &link);
        if (code != EXIT_DONE)
                return code;
        r = fbn_link_set(command->c, &link);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int delete(struct command *command)
{
        int r = fbn_link_delete(command->c, command->argument[0]);

        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int move(struct command *command)
{
        int r = fbn_link_move(command->c, command->argument[0], command->argument[1]);

        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int addresses(struct command *command)
{
        FBN_CLEANUP(fbn_link_addresses) list = NULL;
        json_t *all = command->json ? json_array() : NULL;
        struct table table = {0};
        int r = fbn_link_address_list(command->c, command->count > 0 ? command->argument[0] : NULL, &list);

        if (r < 0) {
                json_decref(all);
                return failed(command, r);
        }
        for (size_t i = 0; i < fbn_link_addresses_count(list); i++) {
                const fbn_link_address *address = fbn_link_addresses_at(list, i);
                char text[FBN_ADDRESS_TEXT];

                fbn_prefix_format(&address->address, text, sizeof(text));
                if (all)
                        json_array_append_new(all, json_pack("{s:s, s:s, s:b}", "device", address->device, "address", text, "ours",
                                                             address->protocol == FBN_PROTOCOL));
                table_add(&table, address->device);
                table_add(&table, text);
                table_add(&table, address->protocol == FBN_PROTOCOL ? "ours" : "");
        }
        if (all)
                return print_json(all);
        table_print(&table, 3, stdout);
        return EXIT_DONE;
}

static int address_verb(struct command *command, int (*verb)(fbn_context *c, const fbn_link_address *address))
{
        fbn_link_address address = {.size = sizeof(address), .device = command->argument[0]};
        int r;

        if (fbn_prefix_parse(command->argument[1], &address.address) < 0)
                return misused("'%s' is no address", command->argument[1]);
        r = verb(command->c, &address);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int address_add(struct command *command)
{
        return address_verb(command, fbn_link_address_add);
}

static int address_delete(struct command *command)
{
        return address_verb(command, fbn_link_address_delete);
}

int command_link(struct command *command)
{
        static const struct verb verbs[] = {
                {"list", -1, list, "list [NAME]"},
                {"create", -1, create, "create NAME KIND [peer NAME] [parent NAME vlan TAG]"},
                {"set", -1, set, "set NAME [up|down] [mtu N] [master NAME] [alias TEXT]"},
                {"delete", 1, delete, "delete NAME"},
                {"move", 2, move, "move NAME NETNS"},
                {"addresses", -1, addresses, "addresses [LINK]"},
                {"address-add", 2, address_add, "address-add LINK ADDRESS/LENGTH"},
                {"address-delete", 2, address_delete, "address-delete LINK ADDRESS/LENGTH"},
        };

        return verb_run(command, "link", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
