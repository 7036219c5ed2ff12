/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words of the command line as records: those of ip-route(8), ip-rule(8), ip-nexthop(8) and ip-neighbour(8). */
#include "route.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* A word and where its value goes. */
enum kind { ADDRESS, PREFIX, TEXT, NUMBER8, NUMBER16, NUMBER32, NUMBER64, ONE_MORE, FLAG, MARK, PORTS, UIDS, TYPE, SCOPE };

struct word {
        const char *word;
        enum kind kind;
        size_t offset, other; /* other: of a second number */
};

static const char *const types[] = {"unicast", "blackhole", "unreachable", "prohibit", "throw", "local", "broadcast", "anycast", "multicast", NULL};
static const char *const scopes[] = {"fitting", "global", "site", "link", "host", NULL};

const char *route_type_word(fbn_route_type type)
{
        return type < FBN_ROUTE_OTHER ? types[type] : "other";
}

const char *route_scope_word(fbn_route_scope scope)
{
        return scopes[scope];
}

static int name_of(const char *text, const char *const *names)
{
        for (int i = 0; names[i]; i++)
                if (strcmp(names[i], text) == 0)
                        return i;
        return -1;
}

static const struct {
        const char *name;
        uint64_t number;
} numbers[] = {{"main", 254}, {"local", 255}, {"default", 253}, {"tcp", 6}, {"udp", 17}, {"icmp", 1}, {"icmpv6", 58}, {"ipv6-icmp", 58}};

static bool any_number(const char *text, uint64_t maximum, uint64_t *ret_number)
{
        char *end;

        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                if (strcmp(numbers[i].name, text) == 0) {
                        *ret_number = numbers[i].number;
                        return *ret_number <= maximum;
                }
        if (strncmp(text, "0x", 2) != 0)
                return number_of(text, maximum, ret_number);
        *ret_number = strtoull(text, &end, 16);
        return end > text + 2 && !*end && *ret_number <= maximum;
}

/* "A" or "A<separator>B". */
static bool two_numbers(const char *text, char separator, uint64_t maximum, uint64_t *ret_first, uint64_t *ret_second)
{
        const char *middle = strchr(text, separator);
        char first[32];

        *ret_second = 0;
        if (!middle)
                return any_number(text, maximum, ret_first);
        if ((size_t)(middle - text) >= sizeof(first))
                return false;
        memcpy(first, text, (size_t)(middle - text));
        first[middle - text] = 0;
        return any_number(first, maximum, ret_first) && any_number(middle + 1, maximum, ret_second);
}

static bool store_number(enum kind kind, const char *text, void *to)
{
        static const uint64_t limits[] = {[NUMBER8] = UINT8_MAX, [NUMBER16] = UINT16_MAX, [NUMBER32] = UINT32_MAX, [NUMBER64] = UINT64_MAX, [ONE_MORE] = INT32_MAX - 1};
        uint64_t number;

        if (!any_number(text, limits[kind], &number))
                return false;
        if (kind == NUMBER8)
                *(uint8_t *)to = (uint8_t)number;
        else if (kind == NUMBER16)
                *(uint16_t *)to = (uint16_t)number;
        else if (kind == NUMBER32)
                *(uint32_t *)to = (uint32_t)number;
        else if (kind == NUMBER64)
                *(uint64_t *)to = number;
        else
                *(int32_t *)to = (int32_t)number + 1;
        return true;
}

static bool store_pair(enum kind kind, const char *text, void *to, void *other)
{
        uint64_t first, second;

        if (!two_numbers(text, kind == MARK ? '/' : '-', kind == PORTS ? UINT16_MAX : UINT32_MAX - (kind == UIDS), &first, &second))
                return false;
        if (kind == PORTS) {
                *(uint16_t *)to = (uint16_t)first;
                *(uint16_t *)other = (uint16_t)second;
        } else {
                *(uint32_t *)to = (uint32_t)first;
                *(uint32_t *)other = kind == MARK ? (uint32_t)second : (uint32_t)(strchr(text, '-') ? second : first) + 1;
        }
        return true;
}

static bool store(const struct word *word, const char *text, char *record)
{
        void *to = record + word->offset;
        int name;

        switch (word->kind) {
        case ADDRESS:
                return fbn_address_parse(text, to) == 0;
        case PREFIX:
                return strcmp(text, "all") == 0 || fbn_prefix_parse(text, to) == 0;
        case TEXT:
                *(const char **)to = text;
                return true;
        case FLAG:
                *(bool *)to = true;
                return true;
        case MARK:
        case PORTS:
        case UIDS:
                return store_pair(word->kind, text, to, record + word->other);
        case TYPE:
        case SCOPE:
                name = name_of(text, word->kind == TYPE ? types : scopes);
                if (name >= 0)
                        memcpy(to, &name, sizeof(name));
                return name >= 0;
        default:
                return store_number(word->kind, text, to);
        }
}

static const struct word *find(const struct word *words, const char *text)
{
        for (; words->word; words++)
                if (strcmp(words->word, text) == 0)
                        return words;
        return NULL;
}

/* Read words and values from *at on; stops, if stop is given, at that word. */
static int read_words(const struct command *command, const char *what, const struct word *words, const char *stop, int *at, void *record)
{
        for (; *at < command->count; (*at)++) {
                const char *text = command->argument[*at];
                const struct word *word = find(words, text);

                if (stop && strcmp(text, stop) == 0)
                        break;
                if (!word)
                        return misused("%s: '%s' is not a word of it; see fabricnet(1)", what, text);
                if (word->kind != FLAG) {
                        if (*at + 1 == command->count)
                                return misused("%s: '%s' needs a value", what, text);
                        (*at)++;
                        if (strcmp(text, "via") == 0 && strcmp(command->argument[*at], "inet6") == 0 && *at + 1 < command->count)
                                (*at)++;
                }
                if (!store(word, command->argument[*at], record))
                        return misused("%s: '%s' is no value for '%s'", what, command->argument[*at], text);
        }
        return EXIT_DONE;
}

static const struct word route_word_list[] = {
        {"via", ADDRESS, offsetof(fbn_route, gateway), 0},     {"dev", TEXT, offsetof(fbn_route, device), 0},
        {"src", ADDRESS, offsetof(fbn_route, source), 0},      {"table", NUMBER32, offsetof(fbn_route, table), 0},
        {"metric", NUMBER32, offsetof(fbn_route, metric), 0},  {"mtu", NUMBER32, offsetof(fbn_route, mtu), 0},
        {"advmss", NUMBER32, offsetof(fbn_route, advmss), 0},  {"tos", NUMBER8, offsetof(fbn_route, tos), 0},
        {"scope", SCOPE, offsetof(fbn_route, scope), 0},       {"proto", NUMBER8, offsetof(fbn_route, protocol), 0},
        {"onlink", FLAG, offsetof(fbn_route, onlink), 0},      {"nhid", NUMBER32, offsetof(fbn_route, nexthop), 0},
        {0},
};
static const struct word hop_words[] = {
        {"via", ADDRESS, offsetof(fbn_route_hop, gateway), 0},
        {"dev", TEXT, offsetof(fbn_route_hop, device), 0},
        {"weight", NUMBER16, offsetof(fbn_route_hop, weight), 0},
        {"onlink", FLAG, offsetof(fbn_route_hop, onlink), 0},
        {0},
};

static int read_hops(const struct command *command, int *at, struct route_line *line)
{
        while (*at < command->count) {
                fbn_route_hop *hop = &line->hops[line->route.n_hops];
                int code;

                if (line->route.n_hops == FBN_ROUTE_HOPS)
                        return misused("route: at most %d hops", FBN_ROUTE_HOPS);
                *hop = (fbn_route_hop){.size = sizeof(*hop)};
                (*at)++; /* "nexthop" */
                code = read_words(command, "route", hop_words, "nexthop", at, hop);
                if (code != EXIT_DONE)
                        return code;
                line->route.n_hops++;
        }
        line->route.hops = line->hops;
        return EXIT_DONE;
}

int route_words(const struct command *command, struct route_line *ret_line)
{
        fbn_route *route = &ret_line->route;
        const char *destination;
        int at = 0, type, code;

        *route = (fbn_route){.size = sizeof(*route)};
        type = command->count > 0 ? name_of(command->argument[0], types) : -1;
        if (type >= 0) {
                route->type = (fbn_route_type)type;
                at++;
        }
        destination = at < command->count ? command->argument[at++] : "";
        if (strcmp(destination, "default") == 0) {
                destination = "0.0.0.0/0";
                for (int i = at; i + 1 < command->count; i++) /* of the family of its gateway */
                        if (strcmp(command->argument[i], "via") == 0 && strchr(command->argument[i + 1], ':'))
                                destination = "::/0";
        }
        if (fbn_prefix_parse(destination, &route->destination) < 0)
                return misused("route: '%s' is no prefix", destination);
        code = read_words(command, "route", route_word_list, "nexthop", &at, route);
        return code == EXIT_DONE && at < command->count ? read_hops(command, &at, ret_line) : code;
}

int query_words(const struct command *command, fbn_route_query *ret_query)
{
        static const struct word words[] = {
                {"from", ADDRESS, offsetof(fbn_route_query, source), 0},          {"iif", TEXT, offsetof(fbn_route_query, in_device), 0},
                {"oif", TEXT, offsetof(fbn_route_query, out_device), 0},          {"mark", NUMBER32, offsetof(fbn_route_query, mark), 0},
                {"tos", NUMBER8, offsetof(fbn_route_query, tos), 0},              {"ipproto", NUMBER8, offsetof(fbn_route_query, ip_protocol), 0},
                {"sport", NUMBER16, offsetof(fbn_route_query, source_port), 0},   {"dport", NUMBER16, offsetof(fbn_route_query, destination_port), 0},
                {"uid", NUMBER32, offsetof(fbn_route_query, uid), 0},             {0},
        };
        const char *address = command->count > 0 ? command->argument[0] : "";
        int at = 1;

        *ret_query = (fbn_route_query){.size = sizeof(*ret_query)};
        if (fbn_address_parse(address, &ret_query->destination) < 0)
                return misused("route get: '%s' is no address", address);
        return read_words(command, "route get", words, NULL, &at, ret_query);
}

/* "blackhole" and the like have no value; "lookup", "table" and "goto" have. */
static int read_action(const char *text, fbn_rule *rule)
{
        static const char *const actions[] = {"", "", "nop", "blackhole", "unreachable", "prohibit", NULL};
        int action = name_of(text, actions);

        if (action < 2)
                return 0;
        rule->action = (fbn_rule_action)action;
        return 1;
}

int rule_words(const struct command *command, bool complete, fbn_rule *ret_rule)
{
        static const struct word words[] = {
                {"not", FLAG, offsetof(fbn_rule, invert), 0},
                {"from", PREFIX, offsetof(fbn_rule, from), 0},
                {"to", PREFIX, offsetof(fbn_rule, to), 0},
                {"iif", TEXT, offsetof(fbn_rule, in_device), 0},
                {"oif", TEXT, offsetof(fbn_rule, out_device), 0},
                {"priority", NUMBER32, offsetof(fbn_rule, priority), 0},
                {"pref", NUMBER32, offsetof(fbn_rule, priority), 0},
                {"fwmark", MARK, offsetof(fbn_rule, fwmark), offsetof(fbn_rule, fwmask)},
                {"tos", NUMBER8, offsetof(fbn_rule, tos), 0},
                {"dscp", ONE_MORE, offsetof(fbn_rule, dscp), 0},
                {"ipproto", NUMBER8, offsetof(fbn_rule, ip_protocol), 0},
                {"sport", PORTS, offsetof(fbn_rule, source_port), offsetof(fbn_rule, source_port_last)},
                {"dport", PORTS, offsetof(fbn_rule, destination_port), offsetof(fbn_rule, destination_port_last)},
                {"uidrange", UIDS, offsetof(fbn_rule, uid), offsetof(fbn_rule, uid_end)},
                {"l3mdev", FLAG, offsetof(fbn_rule, l3mdev), 0},
                {"tun_id", NUMBER64, offsetof(fbn_rule, tunnel), 0},
                {"flowlabel", MARK, offsetof(fbn_rule, flow_label), offsetof(fbn_rule, flow_label_mask)},
                {"lookup", NUMBER32, offsetof(fbn_rule, table), 0},
                {"table", NUMBER32, offsetof(fbn_rule, table), 0},
                {"goto", NUMBER32, offsetof(fbn_rule, target), 0},
                {"suppress_prefixlength", ONE_MORE, offsetof(fbn_rule, suppress_prefix_length), 0},
                {"suppress_ifgroup", ONE_MORE, offsetof(fbn_rule, suppress_group), 0},
                {"protocol", NUMBER8, offsetof(fbn_rule, protocol), 0},
                {0},
        };
        int at = 0, code = EXIT_DONE;

        *ret_rule = (fbn_rule){.size = sizeof(*ret_rule), .family = AF_INET};
        if (command->count > 0 && (strcmp(command->argument[0], "ipv4") == 0 || strcmp(command->argument[0], "ipv6") == 0))
                ret_rule->family = command->argument[at++][3] == '6' ? AF_INET6 : AF_INET;
        while (code == EXIT_DONE && at < command->count) {
                struct command one = *command;

                if (read_action(command->argument[at], ret_rule)) {
                        at++;
                        continue;
                }
                one.count = at + 2 < command->count ? at + 2 : command->count; /* one word at a time: an action may stand between them */
                if (find(words, command->argument[at]) && find(words, command->argument[at])->kind == FLAG)
                        one.count = at + 1;
                code = read_words(&one, "route rule", words, NULL, &at, ret_rule);
        }
        if (code != EXIT_DONE)
                return code;
        if (ret_rule->target)
                ret_rule->action = FBN_RULE_GOTO;
        if (ret_rule->from.address.family == AF_INET6 || ret_rule->to.address.family == AF_INET6)
                ret_rule->family = AF_INET6;
        return complete && !ret_rule->priority ? misused("route rule: 'priority' is needed") : EXIT_DONE;
}

static int read_members(const char *text, struct nexthop_line *line)
{
        while (*text) {
                size_t length = strcspn(text, "/");
                fbn_nexthop_member *member = &line->members[line->nexthop.n_members];
                uint64_t id, weight;
                char one[32];

                if (length >= sizeof(one) || line->nexthop.n_members == FBN_ROUTE_HOPS)
                        return misused("route nexthop: '%s' is no group", text);
                memcpy(one, text, length);
                one[length] = 0;
                if (!two_numbers(one, ',', UINT32_MAX, &id, &weight) || weight > 256)
                        return misused("route nexthop: '%s' is not ID or ID,WEIGHT", one);
                *member = (fbn_nexthop_member){sizeof(*member), (uint32_t)id, (uint16_t)weight};
                line->nexthop.n_members++;
                text += length + (text[length] == '/');
        }
        line->nexthop.members = line->members;
        return EXIT_DONE;
}

int nexthop_words(const struct command *command, struct nexthop_line *ret_line)
{
        static const struct word words[] = {
                {"via", ADDRESS, offsetof(fbn_nexthop, gateway), 0},    {"dev", TEXT, offsetof(fbn_nexthop, device), 0},
                {"onlink", FLAG, offsetof(fbn_nexthop, onlink), 0},     {"blackhole", FLAG, offsetof(fbn_nexthop, blackhole), 0},
                {"proto", NUMBER8, offsetof(fbn_nexthop, protocol), 0}, {0},
        };
        uint64_t id;
        int at = 1, code;

        ret_line->nexthop = (fbn_nexthop){.size = sizeof(ret_line->nexthop)};
        if (command->count < 1 || !number_of(command->argument[0], UINT32_MAX, &id))
                return misused("route nexthop: an id comes first");
        ret_line->nexthop.id = (uint32_t)id;
        if (at < command->count && strcmp(command->argument[at], "ipv6") == 0) {
                ret_line->nexthop.family = AF_INET6;
                at++;
        }
        code = read_words(command, "route nexthop", words, "group", &at, &ret_line->nexthop);
        if (code != EXIT_DONE || at == command->count)
                return code;
        return at + 2 == command->count ? read_members(command->argument[at + 1], ret_line) : misused("route nexthop: group ID[,WEIGHT]/… comes last");
}

int neighbour_words(const struct command *command, fbn_neighbour *ret_neighbour)
{
        static const struct word words[] = {
                {"dev", TEXT, offsetof(fbn_neighbour, device), 0},         {"lladdr", TEXT, offsetof(fbn_neighbour, link_address), 0},
                {"router", FLAG, offsetof(fbn_neighbour, router), 0},      {"protocol", NUMBER8, offsetof(fbn_neighbour, protocol), 0},
                {0},
        };
        int at = 0;

        *ret_neighbour = (fbn_neighbour){.size = sizeof(*ret_neighbour)};
        if (command->count > 0 && strcmp(command->argument[0], "proxy") == 0)
                ret_neighbour->proxy = at++ == 0;
        if (at == command->count || fbn_address_parse(command->argument[at], &ret_neighbour->address) < 0)
                return misused("route neighbour: '%s' is no address", at < command->count ? command->argument[at] : "");
        at++;
        return read_words(command, "route neighbour", words, NULL, &at, ret_neighbour);
}
