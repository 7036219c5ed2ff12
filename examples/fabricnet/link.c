/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "link.h"

#include <stdlib.h>
#include <string.h>

#define ALTNAMES_MAX 16

static const char *const switches[] = {[FBN_LINK_AS_IT_IS] = NULL, [FBN_LINK_ON] = "on", [FBN_LINK_OFF] = "off"};

static json_t *link_json(const fbn_link *link)
{
        json_t *value = json_pack("{s:s, s:s?, s:i, s:i, s:b, s:b, s:s?, s:s?, s:s?, s:s?, s:s?, s:s?}", "name", link->name, "kind", link->kind, "index",
                                  (int)link->index, "mtu", (int)link->mtu, "up", link->state == FBN_LINK_UP, "running", (int)link->running, "master",
                                  link->master, "alias", link->alias, "peer", link->peer, "parent", link->parent, "vlan_filtering",
                                  switches[link->vlan_filtering], "stp", switches[link->stp]);
        json_t *names = json_array();

        for (size_t i = 0; i < link->n_altnames; i++)
                json_array_append_new(names, json_text(link->altnames[i]));
        json_object_set_new(value, "altnames", names);
        json_object_set_new(value, "vlan", json_integer(link->vlan));
        json_object_set_new(value, "vlan_protocol", json_integer(link->vlan_protocol));
        json_object_set_new(value, "table", json_integer(link->table));
        return value;
}

/* "vlan 20 on trunk; port of br0": what the columns do not say. */
static void add_details(struct table *table, const fbn_link *link)
{
        char text[256] = "";
        FILE *to = fmemopen(text, sizeof(text), "w");

        if (!to)
                return table_add(table, "");
        if (link->vlan)
                fprintf(to, "tag %u%s on %s  ", link->vlan, link->vlan_protocol == 0x88a8 ? " (802.1ad)" : "", link->parent ? link->parent : "another host's");
        if (link->table)
                fprintf(to, "table %u  ", link->table);
        if (link->peer)
                fprintf(to, "to %s  ", link->peer);
        if (link->master)
                fprintf(to, "port of %s  ", link->master);
        if (link->vlan_filtering == FBN_LINK_ON)
                fprintf(to, "vlan-filtering  ");
        if (link->stp == FBN_LINK_ON)
                fprintf(to, "stp  ");
        for (size_t i = 0; i < link->n_altnames; i++)
                fprintf(to, "altname %s  ", link->altnames[i]);
        if (link->alias)
                fprintf(to, "alias %s", link->alias);
        fclose(to);
        table_add(table, text);
}

static void add_row(struct table *table, const fbn_link *link)
{
        char mtu[16];

        snprintf(mtu, sizeof(mtu), "%u", link->mtu);
        table_add(table, link->name);
        table_add(table, link->kind ? link->kind : "device");
        table_add(table, link->state == FBN_LINK_UP ? (link->running ? "up" : "no carrier") : "down");
        table_add(table, mtu);
        add_details(table, link);
}

static int show(struct command *command)
{
        FBN_CLEANUP(fbn_links) links = NULL;
        json_t *all = NULL;
        struct table table = {0};
        int r = fbn_link_list(command->c, command->count > 0 ? command->argument[0] : NULL, &links);

        if (r < 0)
                return failed(command, r);
        if (command->json)
                all = json_array();
        for (size_t i = 0; i < fbn_links_count(links); i++) {
                if (all)
                        json_array_append_new(all, link_json(fbn_links_at(links, i)));
                else
                        add_row(&table, fbn_links_at(links, i));
        }
        if (all)
                return print_json(all);
        table_print(&table, 5, stdout);
        return EXIT_DONE;
}

/* Room for what a link's words lead to. */
struct words {
        fbn_link link;
        const char *altnames[ALTNAMES_MAX];
};

static bool number_word(const char *word, const char *value, fbn_link *link, bool *ret_fits)
{
        uint64_t number = 0;
        bool vlan = strcmp(word, "vlan") == 0, mtu = strcmp(word, "mtu") == 0;

        if (!vlan && !mtu && strcmp(word, "table") != 0)
                return false;
        *ret_fits = number_of(value, vlan ? 4094 : UINT32_MAX, &number);
        if (vlan)
                link->vlan = (uint16_t)number;
        else
                *(mtu ? &link->mtu : &link->table) = (uint32_t)number;
        return true;
}

static bool choice_word(const char *word, const char *value, fbn_link *link, bool *ret_fits)
{
        bool ad = strcmp(value, "802.1ad") == 0;
        fbn_link_switch state = strcmp(value, "on") == 0 ? FBN_LINK_ON : strcmp(value, "off") == 0 ? FBN_LINK_OFF : FBN_LINK_AS_IT_IS;

        *ret_fits = state != FBN_LINK_AS_IT_IS;
        if (strcmp(word, "vlan-filtering") == 0) {
                link->vlan_filtering = state;
        } else if (strcmp(word, "stp") == 0) {
                link->stp = state;
        } else if (strcmp(word, "protocol") == 0) {
                *ret_fits = ad || strcmp(value, "802.1q") == 0 || strcmp(value, "802.1Q") == 0;
                link->vlan_protocol = ad ? 0x88a8 : 0x8100;
        } else {
                return false;
        }
        return true;
}

static bool text_word(const char *word, const char *value, struct words *words)
{
        const struct {
                const char *word, **member;
        } texts[] = {{"master", &words->link.master}, {"peer", &words->link.peer}, {"parent", &words->link.parent}, {"alias", &words->link.alias}};

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                if (strcmp(texts[i].word, word) == 0) {
                        *texts[i].member = value;
                        return true;
                }
        if (strcmp(word, "altname") != 0 || words->link.n_altnames == ALTNAMES_MAX)
                return false;
        words->altnames[words->link.n_altnames++] = value;
        return true;
}

/* "mtu 1280 up master br0 peer veth1": words as ip-link(8) has them. */
static int read_words(struct command *command, int from, struct words *words)
{
        fbn_link *link = &words->link;

        link->altnames = words->altnames;
        for (int i = from; i < command->count; i++) {
                const char *word = command->argument[i];
                const char *value = i + 1 < command->count ? command->argument[i + 1] : NULL;
                bool fits = true;

                if (strcmp(word, "up") == 0 || strcmp(word, "down") == 0) {
                        link->state = *word == 'u' ? FBN_LINK_UP : FBN_LINK_DOWN;
                        continue;
                }
                if (!value)
                        return misused("link: '%s' needs a value", word);
                if (!number_word(word, value, link, &fits) && !choice_word(word, value, link, &fits) && !(fits = text_word(word, value, words)))
                        return misused("link: '%s' is not one of up, down, mtu, master, peer, parent, vlan, protocol, table, vlan-filtering, stp, "
                                       "altname, alias", word);
                if (!fits)
                        return misused("link: '%s' is nothing for '%s'", value, word);
                i++;
        }
        return EXIT_DONE;
}

static int add(struct command *command)
{
        struct words words = {.link.size = sizeof(words.link)};
        int code, r;

        if (command->count < 2)
                return misused("usage: fabricnet link add NAME KIND [WORD VALUE…]");
        words.link.name = command->argument[0];
        words.link.kind = command->argument[1];
        code = read_words(command, 2, &words);
        if (code != EXIT_DONE)
                return code;
        r = fbn_link_create(command->c, &words.link);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int set(struct command *command)
{
        struct words words = {.link.size = sizeof(words.link)};
        int code, r;

        if (command->count < 2)
                return misused("usage: fabricnet link set NAME WORD [VALUE]…");
        words.link.name = command->argument[0];
        code = read_words(command, 1, &words);
        if (code != EXIT_DONE)
                return code;
        r = fbn_link_set(command->c, &words.link);
        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int apply(struct command *command)
{
        FBN_CLEANUP(fbn_changes) changes = NULL;
        struct words words = {.link.size = sizeof(words.link)};
        fbn_link_apply_options options = {.size = sizeof(options), .dry_run = command->dry_run};
        int code, r;

        if (command->count < 2)
                return misused("usage: fabricnet link apply|diff NAME KIND [WORD VALUE…]");
        words.link.name = command->argument[0];
        words.link.kind = command->argument[1];
        code = read_words(command, 2, &words);
        if (code != EXIT_DONE)
                return code;
        r = fbn_link_apply(command->c, &words.link, &options, &changes);
        return changed(command, r, changes);
}

static int delete(struct command *command)
{
        int r = fbn_link_delete(command->c, command->argument[0]);

        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int altname_delete(struct command *command)
{
        int r = fbn_link_altname_delete(command->c, command->argument[0], command->argument[1]);

        return r < 0 ? failed(command, r) : EXIT_DONE;
}

static int move(struct command *command)
{
        int r = fbn_link_move(command->c, command->argument[0], command->argument[1]);

        return r < 0 ? failed(command, r) : EXIT_DONE;
}

int command_link(struct command *command)
{
        static const struct verb verbs[] = {
                {"show", -1, show, "show [NAME]"},
                {"add", -1, add, "add NAME KIND [peer NAME] [parent NAME vlan TAG [protocol 802.1ad]] [table N] [vlan-filtering on] …"},
                {"set", -1, set, "set NAME [up|down] [mtu N] [master NAME] [alias TEXT] [altname NAME] [vlan-filtering on|off] [stp on|off]"},
                {"del", 1, delete, "del NAME"},
                {"altname-del", 2, altname_delete, "altname-del NAME ALTNAME"},
                {"move", 2, move, "move NAME NETNS|PID|fd:N"},
                {"apply", -1, apply, "apply NAME KIND [WORD VALUE…] [--dry-run]"},
                {"diff", -1, apply, "diff NAME KIND [WORD VALUE…]"},
                {"addresses", -1, link_addresses, "addresses [LINK]"},
                {"address-add", -1, link_address_add, "address-add LINK ADDRESS/LENGTH [peer ADDRESS] [valid SECONDS] [preferred SECONDS] …"},
                {"address-del", -1, link_address_delete, "address-del LINK ADDRESS/LENGTH [peer ADDRESS]"},
                {"address-apply", -1, link_address_apply, "address-apply LINK [ADDRESS/LENGTH…] [--dry-run]"},
                {"watch", -1, watch_links, "watch [LINK]"},
        };

        return verb_run(command, "link", verbs, sizeof(verbs) / sizeof(verbs[0]));
}
